/** Deletes a document after asking. */
import { Confirm } from "@/components/dialog";
import { useDeleteDocument } from "@/features/documents/documents";
import type { DocumentSummary } from "@/lib/api/client";

interface DeleteDocumentProps {
  document: DocumentSummary;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDocument({ document, onClose, onDeleted }: DeleteDocumentProps) {
  const deletion = useDeleteDocument();
  return (
    <Confirm
      title="Delete this document?"
      confirm="Delete"
      pending={deletion.isPending}
      error={deletion.error}
      onClose={onClose}
      onConfirm={() => {
        deletion.mutate(document.id, {
          onSuccess: () => {
            onClose();
            onDeleted?.();
          },
        });
      }}
    >
      No answer will use “{document.title}” any more. Conversations keep what they quoted of it; restore
      points that hold it keep it.
    </Confirm>
  );
}
