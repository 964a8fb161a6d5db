/** The passages that fit a search best. */
import { SearchX } from "lucide-react";
import { Link } from "react-router";

import { ErrorNotice } from "@/components/notice";
import { Empty, Loading } from "@/components/page";
import { useSearch } from "@/features/documents/documents";
import { documentPath } from "@/lib/api/documents";

export function Found({ text }: { text: string }) {
  const { data, error, refetch } = useSearch(text);
  if (error) {
    return <ErrorNotice error={error} onRetry={() => void refetch()} />;
  }
  if (!data) {
    return <Loading what="passages" />;
  }
  if (data.length === 0) {
    return <Empty icon={SearchX} title="Nothing was found" />;
  }
  return (
    <section aria-label="Passages found" className="flex flex-col gap-2">
      <p role="status" className="text-soft text-sm">
        The passages that fit “{text}” best:
      </p>
      <ol className="border-line divide-line divide-y border-y">
        {data.map((hit) => (
          <li key={hit.passage_id}>
            <Link to={documentPath(hit.document_id, hit)} className="group block py-3">
              <span className="block font-medium underline-offset-2 group-hover:underline">{hit.title}</span>
              <span className="text-soft mt-0.5 line-clamp-2 text-sm leading-relaxed">{hit.text}</span>
            </Link>
          </li>
        ))}
      </ol>
    </section>
  );
}
