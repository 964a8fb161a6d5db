/** What is shown when a page fails: a part of it could not be loaded, or there is an error in it. */
import { useRouteError } from "react-router";

import { Button } from "@/components/button";
import { ErrorNotice, ProblemNotice } from "@/components/notice";
import { COLUMN } from "@/components/page";

const NOT_LOADED = {
  what: "A part of the page could not be loaded.",
  hint: "The server is away, or Synapse was updated: reload the page.",
};

export function Crash() {
  const error = useRouteError();
  return (
    <div className={`${COLUMN} flex flex-col items-start gap-4 py-10`}>
      {/* What `import()` throws when a file cannot be fetched. */}
      {error instanceof TypeError ? <ProblemNotice problem={NOT_LOADED} /> : <ErrorNotice error={error} />}
      <Button
        onClick={() => {
          window.location.reload();
        }}
      >
        Reload the page
      </Button>
    </div>
  );
}
