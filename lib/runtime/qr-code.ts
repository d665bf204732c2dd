/** A QR code as a picture that stands in a page. */
import qrcode from 'qrcode-generator';
import { runtimeLimits } from './limits.ts';

export interface QrPicture {
  /** Modules on each side, with the quiet zone of four that ISO/IEC 18004 asks for. */
  readonly size: number;
  /** The dark modules, as the `d` of a path of SVG. */
  readonly path: string;
}

const quietZone = 4;

/** @param text of ASCII. @returns undefined when it is longer than a camera reads well */
export function qrPicture(text: string): QrPicture | undefined {
  if (text.length > runtimeLimits.qrCharactersMax) return undefined;
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  let path = '';
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      if (!code.isDark(row, column)) continue;
      const start = column;
      while (column + 1 < count && code.isDark(row, column + 1)) column++;
      path += `M${start + quietZone} ${row + quietZone}h${column - start + 1}v1h-${column - start + 1}z`;
    }
  }
  return { size: count + 2 * quietZone, path };
}
