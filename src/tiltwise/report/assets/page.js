/* Draws the figures in the page's colours; the page itself is complete without it. */
(() => {
  "use strict";
  const store = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const touch = matchMedia("(pointer: coarse)").matches;
  const figures = [...document.querySelectorAll("figure[data-figure]")].map((node) => ({
    node,
    plot: node.querySelector(".plot"),
    spec: store.figures[node.dataset.figure],
    height: 0,
    choice: 0,
    hidden: new Set(),
  }));

  const color = (role) => getComputedStyle(root).getPropertyValue("--" + role).trim();
  const paint = (text) => (text[0] === "@" ? color(text.slice(1)) : text);

  /* Copy of a spec part with shared columns put back and colour roles replaced. */
  function resolve(part, key = "") {
    if (Array.isArray(part)) {
      return part.length && typeof part[0] === "object" ? part.map((p) => resolve(p, key))
        : /color/.test(key) ? part.map(paint) : part;
    }
    if (part && typeof part === "object") {
      if ("$column" in part) return store.columns[part.$column];
      return Object.fromEntries(Object.entries(part).map(([k, v]) => [k, resolve(v, k)]));
    }
    return typeof part === "string" && /color/.test(key) ? paint(part) : part;
  }

  const groupOf = (trace) => trace.legendgroup || trace.name;

  function layoutOf(figure) {
    const layout = resolve(figure.spec.layout);
    const choice = figure.spec.choices[figure.choice];
    for (const [path, value] of Object.entries(choice ? choice.layout : {})) {
      const keys = path.split(".");
      const last = keys.pop();
      keys.reduce((at, k) => (at[k] = at[k] || {}), layout)[last] = value;
    }
    layout.template = resolve(store.template);
    layout.height = figure.height;
    if (touch) layout.dragmode = false;
    if (root.classList.contains("printing")) layout.width = figure.plot.clientWidth;
    return layout;
  }

  function dataOf(figure) {
    const choice = figure.spec.choices[figure.choice];
    return figure.spec.data.map((trace, i) => {
      const shown = !choice || !choice.traces || choice.traces.includes(i);
      const visible = shown && !figure.hidden.has(groupOf(trace));
      return { ...resolve(trace), visible };
    });
  }

  const config = {
    responsive: true,
    displayModeBar: false,
    plotlyServerURL: "",
    showTips: false,
  };

  function draw(figure) {
    return Plotly.react(figure.plot, dataOf(figure), layoutOf(figure), config);
  }
  const drawAll = () => figures.forEach(draw);

  function scale(share) {
    figures.forEach((figure) => {
      figure.height = Math.round(parseInt(figure.plot.dataset.height, 10) * share);
      figure.plot.style.height = figure.height + "px";
    });
  }

  function legend(figure) {
    const box = figure.node.querySelector(".legend");
    const choice = figure.spec.choices[figure.choice];
    box.replaceChildren();
    figure.spec.data.forEach((trace, i) => {
      if (trace.showlegend === false || !trace.name) return;
      if (choice && choice.traces && !choice.traces.includes(i)) return;
      const group = groupOf(trace);
      const button = document.createElement("button");
      const key = document.createElement("i");
      const mark = trace.fillcolor || (trace.line && trace.line.color) || trace.marker.color;
      const role = Array.isArray(mark) ? "@accent" : mark;
      key.style.setProperty("--key", role[0] === "@" ? `var(--${role.slice(1)})` : role);
      const rug = trace.mode === "markers" && /^line/.test(trace.marker.symbol);
      key.className = rug ? "tick"
        : trace.mode === "markers" || trace.type === "bar" || trace.fillcolor ? "" : "line";
      button.type = "button";
      button.innerHTML = trace.name.replace(/</g, "&lt;");
      button.prepend(key);
      button.setAttribute("aria-pressed", String(!figure.hidden.has(group)));
      button.addEventListener("click", () => {
        if (!figure.hidden.delete(group)) figure.hidden.add(group);
        button.setAttribute("aria-pressed", String(!figure.hidden.has(group)));
        draw(figure);
      });
      box.append(button);
    });
    box.hidden = box.children.length < 2;
  }

  function choices(figure) {
    const buttons = [...figure.node.querySelectorAll("[data-choice]")];
    buttons.forEach((button, i) => button.addEventListener("click", () => {
      figure.choice = i;
      buttons.forEach((b, j) => b.setAttribute("aria-pressed", String(i === j)));
      legend(figure);
      draw(figure);
    }));
  }

  function remember(value) {
    try {
      if (value) localStorage.setItem("tiltwise-theme", value);
      return localStorage.getItem("tiltwise-theme");
    } catch {
      return null; // A file may be denied storage; the choice then lasts as long as the page.
    }
  }

  function themeButton() {
    const button = document.getElementById("theme");
    const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
    const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
    const kept = remember();
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
    button.setAttribute("aria-label", "Switch between light and dark");
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      remember(root.dataset.theme);
      name();
      drawAll();
    });
    dark.addEventListener("change", () => { name(); drawAll(); });
    name();
  }

  /* Paper is white and narrow: plots are redrawn light and at its width, and put back after. */
  function printing() {
    let before;
    addEventListener("beforeprint", () => {
      before = root.dataset.theme;
      root.dataset.theme = "light";
      root.classList.add("printing");
      scale(0.75);
      drawAll();
    });
    addEventListener("afterprint", () => {
      if (before) root.dataset.theme = before; else delete root.dataset.theme;
      root.classList.remove("printing");
      scale(1);
      drawAll();
    });
  }

  function currentSection() {
    const links = new Map([...document.querySelectorAll("nav a")].map((a) => [a.hash.slice(1), a]));
    const seen = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        links.forEach((link) => link.removeAttribute("aria-current"));
        links.get(entry.target.id).setAttribute("aria-current", "true");
      }
    }, { rootMargin: "-20% 0px -70% 0px" });
    document.querySelectorAll("section").forEach((section) => seen.observe(section));
  }

  themeButton();
  scale(1);
  figures.forEach((figure) => { legend(figure); choices(figure); draw(figure); });
  printing();
  currentSection();
})();
