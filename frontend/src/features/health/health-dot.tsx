/** The state of the service in one small mark, for the navigation. */
import { lookOf } from "@/features/health/states";
import { useHealth } from "@/lib/service/health";

export function HealthDot({ className = "" }: { className?: string }) {
  const { data } = useHealth();
  if (!data || data.state === "ok") {
    return null;
  }
  const { colour, name } = lookOf(data);
  return (
    <span className={`inline-flex ${className}`}>
      <span className={`size-2 rounded-full bg-current ${colour}`} aria-hidden="true" />
      <span className="sr-only">({name})</span>
    </span>
  );
}
