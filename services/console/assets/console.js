/**
 * What pages of the console do beyond htmx: curves of the live figures, which begin with what the page has and go on with what is pushed, and
 * menus that show where one is.
 */
(() => {
  // On a narrow screen menus are scrolled sideways: where one is stands in sight.
  for (const link of document.querySelectorAll('.top nav a[aria-current], .tabs a[aria-current]')) {
    const menu = link.closest('nav');
    menu.scrollLeft += link.getBoundingClientRect().left - menu.getBoundingClientRect().left - 12;
  }

  const seconds = 900;
  const place = document.querySelector('.charts');
  if (!place || typeof uPlot === 'undefined') return;
  const data = JSON.parse(place.dataset.history);
  const styles = getComputedStyle(document.documentElement);
  const color = (name) => styles.getPropertyValue(name).trim();

  /** The curve of one figure: only what a glance needs. */
  function chartOf(figure, index) {
    const plot = figure.querySelector('.plot');
    const size = () => ({ width: Math.max(120, plot.clientWidth), height: 130 });
    const font = `11px ${styles.fontFamily || 'sans-serif'}`;
    const axis = { stroke: color('--quiet'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font };
    const chart = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { show: false },
        scales: {
          x: { time: true, range: (_, __, max) => [max - seconds, max] },
          y: { range: (_, __, max) => [0, Math.max(1, (max ?? 0) * 1.15)] },
        },
        axes: [
          {
            ...axis,
            space: 60,
            size: 26,
            values: (_, ticks) => ticks.map((at) => new Date(at * 1000).toTimeString().slice(0, 5)),
          },
          { ...axis, size: 42, space: 24 },
        ],
        series: [
          {},
          { stroke: color('--accent'), width: 2, fill: color('--accent-faint'), spanGaps: false, points: { show: false } },
        ],
      },
      [data[0], data[index + 1]],
      plot,
    );
    addEventListener('resize', () => chart.setSize(size()));
    return () => chart.setData([data[0], data[index + 1]]);
  }

  const redraw = [...place.querySelectorAll('.chart')].map(chartOf);
  let last = data[0].at(-1) ?? 0;

  function take() {
    const text = document.querySelector('#live [data-point]')?.dataset.point;
    const point = text === undefined ? [] : JSON.parse(text);
    if (point.length !== data.length || point[0] <= last) return;
    last = point[0];
    for (const [index, value] of point.entries()) data[index].push(value);
    while (data[0].length > 0 && data[0][0] < last - seconds) for (const column of data) column.shift();
    for (const draw of redraw) draw();
  }

  new MutationObserver(take).observe(document.getElementById('live'), { childList: true, subtree: true });
})();
