/**
 * XEP-0082: dates and times as clients write them, such as `2026-03-01T12:00:00.25+01:00`.
 *
 * §3.2 defers to XML Schema's `dateTime`, so `24:00:00` is the first moment of the next day, a year may have more than four
 * digits, an offset is at most 14 hours, letters are upper case, and there are no leap seconds. XEP-0082 itself requires a time
 * zone.
 */
import { StanzaError } from './errors.ts';
import { xmppLimits } from './limits.ts';

const pattern = /^(-?(?:[1-9]\d{4,}|\d{4}))-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/;
/** The first and last millisecond that a `Date` can hold. */
const lastMoment = 8_640_000_000_000_000;

/**
 * @returns milliseconds since the epoch, with fractions, within the range of a `Date`; undefined when the text is not a date and
 *   time
 */
export function parseMoment(text: string): number | undefined {
  const found =
    text.length > xmppLimits.dateTimeCharactersMax ? null : pattern.exec(text.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, ''));
  if (found === null) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const fraction = Number(found[7] ?? 0);
  const [offsetHours, offsetMinutes] = [Number(found[9] ?? 0), Number(found[10] ?? 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return undefined;
  const isMidnight = hour === 24 && minute === 0 && second === 0 && fraction === 0;
  if ((hour > 23 && !isMidnight) || minute > 59 || second > 59) return undefined;
  if (offsetMinutes > 59 || offsetHours * 60 + offsetMinutes > 14 * 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (Number.isNaN(date.getTime())) return year < 0 ? -lastMoment : lastMoment;
  const offset = (found[8] === '-' ? -1 : 1) * (offsetHours * 60 + offsetMinutes);
  return date.getTime() + ((hour * 60 + minute - offset) * 60 + second + fraction) * 1000;
}

/** @param what the name of the value in the error. @throws {StanzaError} bad-request */
export function readMoment(text: string, what: string): number {
  const moment = parseMoment(text);
  if (moment !== undefined) return moment;
  const shown = JSON.stringify(text.slice(0, xmppLimits.dateTimeCharactersMax));
  throw new StanzaError('bad-request', `${what} is not a date and time (XEP-0082): ${shown}`);
}

function daysIn(year: number, month: number): number {
  if (month !== 2) return [4, 6, 9, 11].includes(month) ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}
