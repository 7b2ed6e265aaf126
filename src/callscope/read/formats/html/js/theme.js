// Light, dark, or as the system has it. The choice is kept, where the browser lets a page keep one.

const THEMES = [
  { name: "system", sign: "◐", title: "Theme: as the system" },
  { name: "light", sign: "○", title: "Theme: light" },
  { name: "dark", sign: "●", title: "Theme: dark" },
];
const THEME_KEY = "callscope-theme";

class Theme {
  constructor(whenChanged) {
    this.whenChanged = whenChanged;
    this.button = byId("theme");
    this.button.addEventListener("click", () => this.next());
    this.#set(this.#kept());
  }

  #kept() {
    try {
      return Math.max(0, THEMES.findIndex(({ name }) => name === localStorage.getItem(THEME_KEY)));
    } catch {
      return 0; // a file may be refused any storage
    }
  }

  next() {
    this.#set((this.number + 1) % THEMES.length);
    try {
      localStorage.setItem(THEME_KEY, THEMES[this.number].name);
    } catch {
      // The choice then holds for as long as the page is open.
    }
  }

  #set(number) {
    const { name, sign, title } = THEMES[number];
    this.number = number;
    if (name === "system") document.documentElement.removeAttribute("data-theme");
    else document.documentElement.dataset.theme = name;
    this.button.textContent = sign;
    this.button.title = `${title} (t)`;
    this.button.setAttribute("aria-label", title);
    this.whenChanged();
  }
}
