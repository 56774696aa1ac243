"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  // A row of small charts becomes as many columns as there is room for; one large chart becomes narrower.
  function fitted(spec, room) {
    const copy = structuredClone(spec);
    const width = (part) => (typeof part.width === "number" ? part.width : 220);
    const parts = copy.hconcat || copy.concat;
    if (parts) {
      delete copy.hconcat;
      copy.concat = parts;
      const one = Math.max(...parts.map(width)) + 60;
      copy.columns = Math.max(1, Math.min(copy.columns || parts.length, Math.floor(room / one)));
      for (const part of parts) if (width(part) > room - 70) part.width = room - 70;
    } else if (copy.facet && copy.spec) {
      copy.columns = Math.max(1, Math.min(copy.columns || 99, Math.floor(room / (width(copy.spec) + 30))));
    } else if (width(copy) > room - 70) {
      copy.width = room - 70;
    }
    return copy;
  }

  function inDark(spec) {
    const ink = "#ededed", soft = "#b0b0b0", line = "#363636";
    const config = spec.config || {};
    const merged = (name, extra) => ({...(config[name] || {}), ...extra});
    spec.config = {...config, background: "transparent",
      axis: merged("axis", {labelColor: soft, titleColor: ink, gridColor: line, domainColor: soft, tickColor: soft}),
      legend: merged("legend", {labelColor: ink, titleColor: ink}),
      title: merged("title", {color: ink, subtitleColor: soft}),
      header: merged("header", {labelColor: ink, titleColor: ink}),
      view: merged("view", {stroke: "transparent"}),
      text: merged("text", {color: ink})};
    delete spec.background;
    return spec;
  }

  async function draw(place) {
    let spec = fitted(read(place.dataset.chart), place.clientWidth || 340);
    if (dark.matches) spec = inDark(spec);
    const options = {actions: false, renderer: "svg", tooltip: {theme: dark.matches ? "dark" : "light"}};
    await window.vegaEmbed(place, spec, options);
    place.removeAttribute("role");
    const picture = place.querySelector("svg");
    if (picture) picture.setAttribute("aria-label", place.getAttribute("aria-label"));
    const tools = place.parentElement.querySelector(".tools");
    if (tools) tools.hidden = false;
  }

  async function save(place, kind) {
    const compiled = window.vegaLite.compile(read(place.dataset.chart)).spec;
    const view = new window.vega.View(window.vega.parse(compiled), {renderer: "none"});
    const link = document.createElement("a");
    link.download = place.dataset.name + "." + kind;
    link.href = await view.toImageURL(kind, kind === "png" ? 3 : 1);
    link.click();
  }

  const places = [...document.querySelectorAll("[data-chart]")];
  const drawAll = () => Promise.all(places.map((place) => draw(place).catch((problem) => {
    place.textContent = "This chart could not be drawn; its numbers are in the table below.";
    console.error(problem);
  }))).then(() => document.documentElement.setAttribute("data-drawn", String(places.length)));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-save]");
    if (button) save(button.closest("figure").querySelector("[data-chart]"), button.dataset.save);
  });
  document.addEventListener("play", (event) => {
    for (const player of document.querySelectorAll("audio")) if (player !== event.target) player.pause();
  }, true);

  dark.addEventListener("change", drawAll);
  let width = window.innerWidth, waiting = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  drawAll();
})();
