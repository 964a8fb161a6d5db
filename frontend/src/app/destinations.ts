/** Where one can go: the one list that the side and the tabs are made from. (`/health` is the backend's own.) */
import { Activity, Files, History, MessageCircleQuestion } from "lucide-react";
import type { LucideIcon } from "lucide-react";

export interface Destination {
  readonly to: string;
  readonly name: string;
  readonly icon: LucideIcon;
  /** Also there when the address begins with this. */
  readonly within?: string;
  /** A wide page shows it all the time in another way. */
  readonly narrowOnly?: boolean;
}

export const DESTINATIONS: readonly Destination[] = [
  { to: "/", name: "Ask", icon: MessageCircleQuestion, within: "/ask/", narrowOnly: true },
  { to: "/history", name: "History", icon: History, narrowOnly: true },
  { to: "/documents", name: "Documents", icon: Files, within: "/documents/" },
  { to: "/status", name: "Health", icon: Activity },
];

export function isAt(path: string, { to, within }: Destination): boolean {
  return path === to || (within !== undefined && path.startsWith(within));
}
