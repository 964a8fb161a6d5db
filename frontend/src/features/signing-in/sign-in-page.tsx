/** The way in when the service wants a token. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useId, useRef, useState } from "react";

import { Button } from "@/components/button";
import { FIELD } from "@/components/field";
import { Logo } from "@/components/logo";
import { ErrorNotice, ProblemNotice } from "@/components/notice";
import { ThemeSwitch } from "@/components/theme-switch";
import { signIn } from "@/lib/api/login";
import { ProblemError } from "@/lib/api/problem";

export function SignInPage() {
  const [token, setToken] = useState("");
  const queries = useQueryClient();
  const field = useRef<HTMLInputElement>(null);
  const id = useId();
  const signing = useMutation({
    mutationFn: signIn,
    // Whatever was refused before is asked again, the sign-in first of all.
    onSuccess: () => queries.resetQueries(),
    onError: () => field.current?.select(),
  });
  useEffect(() => {
    field.current?.focus();
  }, []);

  return (
    <main className="flex min-h-dvh flex-col px-4 py-4">
      <title>Sign in · Synapse</title>
      <div className="self-end">
        <ThemeSwitch />
      </div>
      <form
        className="m-auto flex w-full max-w-sm flex-col gap-5 pb-[16dvh]"
        onSubmit={(event) => {
          event.preventDefault();
          signing.mutate(token);
        }}
      >
        <Logo className="size-11" />
        <div>
          <h1 className="text-2xl font-semibold tracking-tight">Sign in to Synapse</h1>
          <p className="text-soft mt-1.5 leading-relaxed">
            With the token of this service: the value of{" "}
            <code className="font-mono text-[0.9em]">API_TOKEN</code>, or what is in its file.
          </p>
        </div>
        {/* A password store wants a name to keep the token under. */}
        <input type="text" name="username" autoComplete="username" value="synapse" readOnly hidden />
        <div className="flex flex-col gap-1.5">
          <label htmlFor={id} className="text-sm font-medium">
            Token
          </label>
          <input
            ref={field}
            id={id}
            type="password"
            autoComplete="current-password"
            required
            className={FIELD}
            value={token}
            onChange={(event) => {
              setToken(event.target.value);
            }}
          />
        </div>
        {signing.error && <Refusal error={signing.error} />}
        <Button look="lead" type="submit" disabled={signing.isPending}>
          {signing.isPending ? "Signing in…" : "Sign in"}
        </Button>
      </form>
    </main>
  );
}

function Refusal({ error }: { error: Error }) {
  if (error instanceof ProblemError && error.status === 401) {
    return (
      <ProblemNotice problem={{ what: "That is not the token of this service.", hint: error.problem.hint }} />
    );
  }
  return <ErrorNotice error={error} />;
}
