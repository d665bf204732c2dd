/** The same as HTML, which needs no script and no style. */
import { html } from 'hono/html';
import { qrPicture } from './qr-code.ts';

/** @param label says what it leads to. @returns '' when the text is too long */
export function qrHtml(text: string, label: string): ReturnType<typeof html> | '' {
  const picture = qrPicture(text);
  if (picture === undefined) return '';
  const { size, path } = picture;
  return html`<svg class="qr" role="img" aria-label="${label}" viewBox="0 0 ${size} ${size}" width="${size * 4}" height="${size * 4}" shape-rendering="crispEdges"><rect width="${size}" height="${size}" fill="#ffffff"/><path d="${path}" fill="#000000"/></svg>`;
}
