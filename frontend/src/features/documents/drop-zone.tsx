/** Takes files that are dropped anywhere on its content, and shows while they hover that it would. */
import { Upload } from "lucide-react";
import { useRef, useState } from "react";
import type { DragEvent, ReactNode } from "react";

interface DropZoneProps {
  /** Why files cannot be taken now. */
  block: string | undefined;
  onFiles: (files: File[]) => void;
  children: ReactNode;
}

export function DropZone({ block, onFiles, children }: DropZoneProps) {
  const [over, setOver] = useState(false);
  // Every child that the pointer crosses is entered and left too.
  const depth = useRef(0);

  function change(event: DragEvent, by: 1 | -1): void {
    if (event.dataTransfer.types.includes("Files")) {
      event.preventDefault();
      depth.current = Math.max(0, depth.current + by);
      setOver(depth.current > 0);
    }
  }

  function drop(event: DragEvent): void {
    event.preventDefault();
    depth.current = 0;
    setOver(false);
    if (!block) {
      onFiles([...event.dataTransfer.files]);
    }
  }

  return (
    // Dropping is a second way to add files; the button is there for every other hand.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div
      className="relative flex flex-1 flex-col"
      onDragEnter={(event) => {
        change(event, 1);
      }}
      onDragLeave={(event) => {
        change(event, -1);
      }}
      onDragOver={(event) => {
        event.preventDefault();
      }}
      onDrop={drop}
    >
      {children}
      {over && (
        <div className="bg-page/90 border-accent text-accent pointer-events-none absolute inset-3 z-10 flex flex-col items-center justify-center gap-2 rounded-2xl border-2 border-dashed p-6 text-center font-medium">
          <Upload className="size-8" aria-hidden="true" />
          {block ?? "Drop files to add them"}
        </div>
      )}
    </div>
  );
}
