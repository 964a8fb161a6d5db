/** Every document that answers can come from: added, found, opened, deleted. */
import { FilePlus2, Search, Upload, X } from "lucide-react";
import { useRef, useState } from "react";

import { IconButton, WriteButton } from "@/components/button";
import { FIELD } from "@/components/field";
import { Page } from "@/components/page";
import { AddText } from "@/features/documents/add-text";
import { DocumentList } from "@/features/documents/document-list";
import { DropZone } from "@/features/documents/drop-zone";
import { Found } from "@/features/documents/found";
import { UploadList } from "@/features/documents/upload-list";
import { useUploads } from "@/features/documents/uploads";
import { useHealth, useWriteBlock } from "@/lib/service/health";
import { counted } from "@/lib/words";

export function DocumentsPage() {
  const { uploads } = useUploads();
  const [searched, setSearched] = useState("");
  return (
    <DropZone
      block={useWriteBlock()}
      onFiles={(files) => {
        uploads.add(files);
      }}
    >
      <Page title="Documents" lead={<Holdings />} actions={<Actions />}>
        <UploadList />
        <SearchBox onSearch={setSearched} />
        {searched ? <Found text={searched} /> : <DocumentList />}
      </Page>
    </DropZone>
  );
}

function Holdings() {
  const collection = useHealth().data?.collections[0];
  return collection
    ? `${counted(collection.documents, "document")} in ${counted(collection.passages, "passage")}.`
    : "What answers can come from.";
}

function Actions() {
  const { uploads } = useUploads();
  const [writing, setWriting] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={files}
        type="file"
        multiple
        hidden
        accept=".txt,.md,.rst,.html,.htm"
        aria-label="Files to add"
        onChange={({ target }) => {
          uploads.add(target.files ?? []);
          target.value = "";
        }}
      />
      <WriteButton look="lead" onClick={() => files.current?.click()}>
        <Upload className="size-4" aria-hidden="true" /> Upload files
      </WriteButton>
      <WriteButton
        explained
        onClick={() => {
          setWriting(true);
        }}
      >
        <FilePlus2 className="size-4" aria-hidden="true" /> Add a text
      </WriteButton>
      {writing && (
        <AddText
          onClose={() => {
            setWriting(false);
          }}
        />
      )}
    </>
  );
}

function SearchBox({ onSearch }: { onSearch: (text: string) => void }) {
  const [text, setText] = useState("");
  return (
    <form
      role="search"
      className="relative"
      onSubmit={(event) => {
        event.preventDefault();
        onSearch(text.trim());
      }}
    >
      <Search
        className="text-soft pointer-events-none absolute top-1/2 left-3 size-4.5 -translate-y-1/2"
        aria-hidden="true"
      />
      <input
        aria-label="Search in all documents"
        placeholder="Search in all documents"
        value={text}
        maxLength={2_000}
        enterKeyHint="search"
        className={`${FIELD} border-line! pr-12 pl-10`}
        onChange={({ target }) => {
          setText(target.value);
          if (!target.value) {
            onSearch("");
          }
        }}
      />
      {text && (
        <IconButton
          label="Clear the search"
          className="absolute top-1/2 right-0.5 -translate-y-1/2"
          onClick={() => {
            setText("");
            onSearch("");
          }}
        >
          <X className="size-4" aria-hidden="true" />
        </IconButton>
      )}
    </form>
  );
}
