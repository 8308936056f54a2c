// The theme that was chosen, before anything is painted, and the button that chooses it.
(() => {
  const KEY = "rowcast-theme";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };
  // Storage may be forbidden: then the choice lasts as long as the page.
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };
  const store = (theme) => {
    try {
      if (theme) localStorage.setItem(KEY, theme);
      else localStorage.removeItem(KEY);
    } catch {}
  };
  apply(stored());
  addEventListener("storage", (event) => event.key === KEY && apply(event.newValue));
  addEventListener("click", (event) => {
    if (!event.target.closest?.("[data-theme-toggle]")) return;
    const system = dark.matches ? "dark" : "light";
    const next = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
    // What the system says anyway is no choice: the page goes on following it.
    const choice = next === system ? null : next;
    store(choice);
    apply(choice);
  });
})();
