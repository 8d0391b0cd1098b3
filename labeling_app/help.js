// Help: lists all keys, and lets letters, digits and signs be no keys.
//
// stage.js uses it; all scripts of the stage are joined to one text.

const LETTERS = "tastemaker.letters";
const NAMES = {
  arrowleft: { sign: "←", name: "ArrowLeft" },
  arrowright: { sign: "→", name: "ArrowRight" },
  arrowup: { sign: "↑", name: "ArrowUp" },
  arrowdown: { sign: "↓", name: "ArrowDown" },
  backspace: { sign: "Backspace", name: "Backspace" },
};

class Help {
  constructor(dialog) {
    this.dialog = dialog;
    this.letters = dialog.querySelector("input");
    this.letters.checked = localStorage.getItem(LETTERS) !== "off";
    this.letters.addEventListener("change", () => {
      localStorage.setItem(LETTERS, this.letters.checked ? "on" : "off");
    });
    this.explain(["?"], "Show these keys, and close them again, as Esc does");
  }

  get isOpen() {
    return this.dialog.open;
  }

  toggle() {
    if (this.isOpen) this.dialog.close();
    else this.dialog.showModal();
  }

  explain(keys, meaning) {
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    for (const key of keys) {
      const kbd = document.createElement("kbd");
      kbd.textContent = NAMES[key]?.sign ?? key.toUpperCase();
      term.append(kbd);
    }
    text.textContent = meaning;
    this.dialog.querySelector("dl").append(term, text);
  }

  // Who speaks to the computer types letters by accident: WCAG 2.1.4 asks that they can be no keys.
  isOff(key) {
    return key.length === 1 && key !== " " && !this.letters.checked;
  }
}

// As `aria-keyshortcuts` wants them.
function shortcuts(keys) {
  return keys.map((key) => NAMES[key]?.name ?? key.toUpperCase()).join(" ");
}
