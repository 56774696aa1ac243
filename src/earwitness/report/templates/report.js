"use strict";
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const read = (id) => JSON.parse(document.getElementById(id).textContent);

  const MARGIN = 55; // pixels beside a plot: axis labels and gaps
  const SMALLEST = 205; // pixels of a small multiple with its margin
  const width = (part) => (typeof part.width === "number" ? part.width : part.spec ? width(part.spec) : 220);

  // A row of charts becomes as many columns as there is room for; a chart that is too wide becomes narrower.
  function fit(part, room) {
    const row = part.hconcat || part.concat;
    if (row) {
      delete part.hconcat;
      part.concat = row;
      const widest = Math.max(...row.map(width));
      const small = widest <= 260; // small multiples may shrink, so that all stand in one row as far as there is room
      const most = small ? row.length : Math.min(part.columns || row.length, row.length);
      const columns = Math.max(1, Math.min(most, Math.floor(room / (small ? SMALLEST : widest + MARGIN))));
      part.columns = Math.ceil(row.length / Math.ceil(row.length / columns)); // rows of about the same length
      for (const one of row) fit(one, room / part.columns);
    } else if (part.vconcat) {
      for (const one of part.vconcat) fit(one, room);
    } else if (part.facet && part.spec) {
      const least = width(part.spec) <= 260 ? SMALLEST : width(part.spec) + MARGIN;
      part.columns = Math.max(1, Math.min(part.columns || 99, Math.floor(room / least)));
      fit(part.spec, room / part.columns);
    } else if (typeof part.width === "number" && part.width > room - MARGIN) {
      part.width = room - MARGIN;
    }
  }

  function fitted(spec, room) {
    const copy = structuredClone(spec);
    fit(copy, room);
    if (room < 600) copy.config = {...copy.config, legend: {...copy.config?.legend, orient: "top", columns: 2}};
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
    const room = place.clientWidth || 340;
    const options = {actions: false, renderer: "svg", tooltip: {theme: dark.matches ? "dark" : "light"}};
    for (let aim = room, tries = 0; tries < 3; tries++) {
      const spec = fitted(read(place.dataset.chart), aim);
      await window.vegaEmbed(place, dark.matches ? inDark(spec) : spec, options);
      // Labels and legends are known only once they are drawn: what is too wide is drawn again, narrower.
      const excess = Number(place.querySelector("svg")?.getAttribute("width") || 0) - room;
      if (excess <= 0) break;
      aim -= excess;
    }
    place.removeAttribute("role");
    const picture = place.querySelector("svg");
    if (picture) picture.setAttribute("aria-label", place.getAttribute("aria-label"));
    const tools = place.parentElement.querySelector(".tools");
    if (tools) tools.hidden = false;
  }

  // As it was made, on white and in full width, whatever the screen: this is for papers.
  async function save(place, kind) {
    const drawn = await window.vegaEmbed(document.createElement("div"), read(place.dataset.chart), {actions: false});
    const link = document.createElement("a");
    link.download = place.dataset.name + "." + kind;
    link.href = await drawn.view.toImageURL(kind, kind === "png" ? 3 : 1);
    link.click();
    drawn.finalize();
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
  let before = window.innerWidth, waiting = 0;
  window.addEventListener("resize", () => {
    if (window.innerWidth === before) return; // a phone's address bar comes and goes
    before = window.innerWidth;
    clearTimeout(waiting);
    waiting = setTimeout(drawAll, 150);
  });
  drawAll();
})();
