/** The frame of every page: on a wide screen a side, on a phone a bar above and tabs below. */
import { useQuery } from "@tanstack/react-query";
import { LogOut, Plus } from "lucide-react";
import { Suspense, useEffect, useRef } from "react";
import { Link, Outlet, ScrollRestoration, useLocation, useNavigate } from "react-router";

import { DESTINATIONS, isAt } from "@/app/destinations";
import type { Destination } from "@/app/destinations";
import { useSignOut } from "@/app/gate";
import { useSlash } from "@/app/slash";
import { IconButton, buttonLook } from "@/components/button";
import { Logo } from "@/components/logo";
import { Loading } from "@/components/page";
import { ThemeSwitch } from "@/components/theme-switch";
import { RecentHistory } from "@/features/asking/history";
import { Banner } from "@/features/health/banner";
import { HealthDot } from "@/features/health/health-dot";
import { loginQuery } from "@/lib/api/login";
import { useFreshness } from "@/lib/service/freshness";

export function Shell() {
  useFreshness();
  useSlash(useNavigate());
  return (
    <div className="flex min-h-dvh flex-col [--tabs:3.75rem] md:flex-row md:[--tabs:0rem]">
      <a
        href="#main"
        className="bg-accent text-on-accent sr-only z-30 rounded-lg px-4 py-2 font-medium focus:not-sr-only focus:fixed focus:top-3 focus:left-3"
      >
        Skip to the content
      </a>
      <TopBar />
      <Side />
      <Content />
      <Tabs />
      <ScrollRestoration />
    </div>
  );
}

function Content() {
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const shown = useRef(pathname);
  useEffect(() => {
    // What was clicked may be gone with its page; the keyboard goes on in the new one.
    if (shown.current !== pathname && document.activeElement === document.body) {
      main.current?.focus({ preventScroll: true });
    }
    shown.current = pathname;
  }, [pathname]);
  return (
    <main
      ref={main}
      id="main"
      tabIndex={-1}
      className="flex min-w-0 flex-1 flex-col pb-(--tabs) outline-none"
    >
      <div className="sticky top-0 z-20">
        <Banner />
      </div>
      <Suspense fallback={<Loading what="the page" />}>
        <Outlet />
      </Suspense>
    </main>
  );
}

function Side() {
  return (
    <div className="bg-sunken border-line sticky top-0 hidden h-dvh w-66 shrink-0 flex-col border-r md:flex">
      <div className="flex items-center justify-between px-4 pt-4 pb-3">
        <Home />
        <Tools />
      </div>
      <div className="px-3 pb-3">
        <Link to="/" className={`${buttonLook("plain")} w-full`}>
          <Plus className="size-4" aria-hidden="true" /> New question
        </Link>
      </div>
      <nav aria-label="Pages" className="flex flex-col gap-px px-3">
        {DESTINATIONS.filter(({ narrowOnly }) => !narrowOnly).map((destination) => (
          <SideLink key={destination.to} destination={destination} />
        ))}
      </nav>
      <section aria-labelledby="recent" className="mt-6 flex min-h-0 flex-1 flex-col">
        <h2 id="recent" className="text-soft px-6 pb-1.5 text-xs font-medium">
          Conversations
        </h2>
        <div className="min-h-0 flex-1 overflow-y-auto px-3 pt-1 pb-4">
          <RecentHistory />
        </div>
      </section>
    </div>
  );
}

function SideLink({ destination }: { destination: Destination }) {
  const { pathname } = useLocation();
  const current = isAt(pathname, destination);
  const Icon = destination.icon;
  return (
    <Link
      to={destination.to}
      aria-current={current ? "page" : undefined}
      className={`flex min-h-9 items-center gap-3 rounded-lg px-3 py-1.5 ${current ? "bg-line/60 font-medium" : "text-soft hover:text-ink hover:bg-line/60"}`}
    >
      <Icon className="size-4.5" aria-hidden="true" />
      {destination.name}
      {destination.to === "/status" && <HealthDot className="ml-auto" />}
    </Link>
  );
}

function TopBar() {
  return (
    <header className="border-line flex items-center justify-between border-b px-4 py-1.5 md:hidden">
      <Home />
      <Tools />
    </header>
  );
}

function Tabs() {
  const { pathname } = useLocation();
  return (
    <nav
      aria-label="Pages"
      className="bg-surface border-line fixed inset-x-0 bottom-0 z-20 flex h-(--tabs) border-t md:hidden"
    >
      {DESTINATIONS.map((destination) => {
        const Icon = destination.icon;
        const current = isAt(pathname, destination);
        return (
          <Link
            key={destination.to}
            to={destination.to}
            aria-current={current ? "page" : undefined}
            className={`flex min-w-0 flex-1 flex-col items-center justify-center gap-0.5 text-xs ${current ? "text-accent font-medium" : "text-soft"}`}
          >
            <span className="relative">
              <Icon className="size-5.5" strokeWidth={current ? 2.2 : 1.8} aria-hidden="true" />
              {destination.to === "/status" && <HealthDot className="absolute -top-0.5 -right-1.5" />}
            </span>
            {destination.name}
          </Link>
        );
      })}
    </nav>
  );
}

function Home() {
  return (
    <Link
      to="/"
      className="inline-flex items-center gap-2.5 rounded-md text-[1.0625rem] font-semibold tracking-tight"
    >
      <Logo /> Synapse
    </Link>
  );
}

function Tools() {
  const { data } = useQuery(loginQuery);
  const signOut = useSignOut();
  return (
    <div className="flex">
      <ThemeSwitch />
      {data?.required && (
        <IconButton label="Sign out" onClick={signOut}>
          <LogOut className="size-4.5" aria-hidden="true" />
        </IconButton>
      )}
    </div>
  );
}
