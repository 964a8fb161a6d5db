/** Shows the way in instead of the page when somebody must sign in first. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { ReactNode } from "react";

import { SignInPage } from "@/features/signing-in/sign-in-page";
import { onRefused } from "@/lib/api/client";
import { SIGNED_OUT, loginQuery, signOut } from "@/lib/api/login";

export function Gate({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const { data, isPending, errorUpdateCount } = useQuery(loginQuery);
  useEffect(
    () =>
      onRefused(() => {
        queries.setQueryData(loginQuery.queryKey, SIGNED_OUT);
      }),
    [queries],
  );
  // A backend that cannot be asked is shown as such by the page itself, also while it is asked again.
  if (isPending && errorUpdateCount === 0) {
    return null;
  }
  return data?.required && !data.signed_in ? <SignInPage /> : children;
}

/** Sign out, and forget what was loaded. */
export function useSignOut(): () => void {
  const queries = useQueryClient();
  return () => {
    void signOut().finally(() => {
      queries.clear();
      queries.setQueryData(loginQuery.queryKey, SIGNED_OUT);
      // What lives beside the queries goes with the page.
      window.location.assign("/");
    });
  };
}
