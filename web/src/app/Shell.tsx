import { Button } from "@mantine/core";
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { SafeText } from "@/components/ui/SafeText";
import { may, useUser } from "@/lib/roles";
import { LiveSign } from "@/components/ui/LiveSign";
import { CommandPalette } from "./CommandPalette";
import { ConnectionBar } from "./ConnectionBar";
import { pages } from "./pages";
import { pollEvery, useListEvents } from "./useListEvents";
import { UserMenu } from "./UserMenu";
import css from "./Shell.module.css";

/** Shell is the frame around every page: where one can go, who one is, and whether the server answers. */
export function Shell() {
  const user = useUser();
  const { pathname } = useLocation();
  // A run's page has a stream of its own.
  const live = useListEvents(!/^\/runs\/./.test(pathname));
  const [open, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    setOpen(false);
    main.current?.focus({ preventScroll: true }); // so that a screen reader and the tab key go on in the new page
  }, [pathname]);

  return (
    <div className={css["shell"]}>
      <a className={css["skip"]} href="#main">
        Skip to the page
      </a>
      <header className={css["bar"]}>
        <Button className={css["burger"]} size="compact-sm" variant="default" aria-expanded={open} aria-controls="nav" onClick={() => setOpen(!open)}>
          Menu
        </Button>
        <Link to="/" className={css["brand"]}>
          <img src="/favicon.svg" width={24} height={24} alt="" /> EPO
        </Link>
        <span className={css["tenant"]}>{user && <SafeText>{user.tenant}</SafeText>}</span>
        <span className={css["space"]} />
        {live === "polling" && <LiveSign state={live} every={pollEvery} />}
        <CommandPalette />
        <UserMenu />
      </header>
      <nav id="nav" className={css["nav"]} data-open={open} aria-label="Pages">
        <ul className={css["links"]}>
          {pages
            .filter((page) => page.needs === undefined || may(user, page.needs))
            .map((page) => (
              <li key={page.to}>
                <Link to={page.to} className={css["link"]} activeOptions={{ exact: page.to === "/", includeSearch: false }}>
                  {page.title}
                </Link>
              </li>
            ))}
        </ul>
      </nav>
      <main id="main" ref={main} className={css["main"]} tabIndex={-1}>
        <ConnectionBar />
        <Outlet />
      </main>
    </div>
  );
}
