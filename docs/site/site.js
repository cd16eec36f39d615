// What the theme leaves out: names of the search and of the copy buttons' landmarks, and code that keys can scroll.
const repair = () => {
  document.querySelectorAll("nav.md-code__nav:not([aria-label])").forEach((nav, place) => {
    nav.setAttribute("aria-label", `Code ${place + 1}`);
  });
  document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
  document.querySelectorAll("pre > code:not([tabindex])").forEach((code) => code.setAttribute("tabindex", "0"));
};
new MutationObserver(repair).observe(document.body, { childList: true, subtree: true });
repair();
