
"use strict";
// Reads a chart's figures out, row by row of its table: under the pointer, or by the arrow keys when it has the focus.
for (const chart of document.querySelectorAll("figure.chart")) {
  const plot = chart.querySelector("svg.plot");
  const cursor = plot.querySelector(".cursor");
  const readout = chart.querySelector("output");
  const headings = Array.from(chart.querySelectorAll("thead th"), (cell) => cell.textContent);
  const rows = Array.from(chart.querySelectorAll("tbody tr[data-x]"));
  const places = rows.map((row) => Number(row.dataset.x));
  let shown = -1;

  const show = (index) => {
    if (rows.length === 0) return;
    shown = Math.min(Math.max(index, 0), rows.length - 1);
    cursor.setAttribute("x1", places[shown]);
    cursor.setAttribute("x2", places[shown]);
    cursor.classList.add("on");
    readout.textContent = Array.from(rows[shown].cells, (cell, column) => headings[column] + " " + cell.textContent).join(" · ");
  };
  const hide = () => {
    shown = -1;
    cursor.classList.remove("on");
    readout.textContent = "";
  };

  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * plot.viewBox.baseVal.width;
    let nearest = 0;
    places.forEach((place, index) => {
      if (Math.abs(place - x) < Math.abs(places[nearest] - x)) nearest = index;
    });
    show(nearest);
  });
  plot.addEventListener("pointerleave", hide);
  plot.addEventListener("blur", hide);
  plot.addEventListener("keydown", (event) => {
    const step = { ArrowRight: shown + 1, ArrowLeft: shown - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (event.key === "Escape") hide();
    if (step === undefined) return;
    event.preventDefault();
    show(step);
  });
}
