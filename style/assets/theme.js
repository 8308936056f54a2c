// Theme and contrast as they were chosen, before anything is painted, and the menu that
// chooses them.
(() => {
  const root = document.documentElement;
  // What can be chosen: its place in the storage and on the root, and its values.
  const looks = {
    theme: { key: "rowcast-theme", values: ["light", "dark"] },
    contrast: { key: "rowcast-contrast", values: ["more"] },
  };
  const apply = (name, value) => {
    if (looks[name].values.includes(value)) root.dataset[name] = value;
    else delete root.dataset[name];
  };
  // Storage may be forbidden: then the choice lasts as long as the page.
  const stored = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const store = (key, value) => {
    try {
      if (value) localStorage.setItem(key, value);
      else localStorage.removeItem(key);
    } catch {}
  };
  // The menu shows what holds, also where another tab has chosen.
  const mark = () => {
    for (const name in looks) {
      const input = document.getElementById(`${name}-${root.dataset[name] ?? "system"}`);
      if (input) input.checked = true;
    }
  };
  for (const name in looks) apply(name, stored(looks[name].key));
  addEventListener("storage", (event) => {
    for (const name in looks) if (event.key === looks[name].key) apply(name, event.newValue);
    mark();
  });
  addEventListener("beforetoggle", (event) => event.target.id === "appearance" && mark(), true);
  addEventListener("change", (event) => {
    const [name, value] = event.target.id?.split("-") ?? [];
    if (!looks[name] || event.target.type !== "radio") return;
    // What the system says is no choice: the page goes on following it.
    store(looks[name].key, value === "system" ? null : value);
    apply(name, value);
  });
})();
