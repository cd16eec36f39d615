// What the theme leaves out: names of the search and of the copy buttons' landmarks, and code and tables that keys can scroll.
const repair = () => {
  document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((nav, place) => {
    nav.setAttribute("aria-label", `Code ${place + 1}`);
  });
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
  const scrolling = "pre > code:not([tabindex]), .md-typeset__scrollwrap:not([tabindex])";
  document.querySelectorAll(scrolling).forEach((part) => part.setAttribute("tabindex", "0"));
};
new MutationObserver(repair).observe(document.body, { childList: true, subtree: true });
repair();
