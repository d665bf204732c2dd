/** Reads a password: typed twice at a terminal without echo, or piped in as one line. */
import type { ReadStream } from 'node:tty';
import { routerLimits } from '../../router/limits.ts';
import { Refusal } from './report.ts';

/** Size of the input before SASLprep, bytes. It may exceed the bound on passwords, because SASLprep may shorten it. */
const bytesMax = 4 * routerLimits.passwordBytesMax;

/** @throws {Refusal} when no password is given, when it is too long, or when the two are not the same */
export async function readPassword(jid: string): Promise<string> {
  const { stdin } = process;
  if (!stdin.isTTY) return readLine(stdin);
  const first = await ask(stdin, `Password for ${jid}: `);
  if (first !== (await ask(stdin, 'The same again: ')))
    throw new Refusal('the two passwords are not the same; nothing was changed');
  return notEmpty(first);
}

async function readLine(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    const piece = Buffer.from(chunk);
    const end = piece.indexOf('\n');
    chunks.push(end < 0 ? piece : piece.subarray(0, end));
    bytes += piece.length;
    if (end >= 0) break;
    if (bytes > bytesMax) throw new Refusal(`a password is one line of at most ${routerLimits.passwordBytesMax} bytes`);
  }
  return notEmpty(Buffer.concat(chunks).toString('utf8').replace(/\r$/, ''));
}

function notEmpty(password: string): string {
  if (password !== '') return password;
  throw new Refusal('no password was given: type it, pipe it in as one line, or use --password');
}

const enter = /[\r\n]/;
const controlC = '\u0003';
const controlD = '\u0004';
const erase = /[\b\u007f]/;

function ask(terminal: ReadStream, question: string): Promise<string> {
  process.stderr.write(question);
  terminal.setRawMode(true);
  terminal.setEncoding('utf8');
  terminal.resume();
  return new Promise((resolve, reject) => {
    let typed: string[] = [];
    const finish = (settle: () => void) => {
      terminal.off('data', read);
      terminal.setRawMode(false);
      terminal.pause();
      process.stderr.write('\n');
      settle();
    };
    const read = (text: string) => {
      for (const character of text) {
        if (enter.test(character) || (character === controlD && typed.length > 0)) return finish(() => resolve(typed.join('')));
        if (character === controlC || character === controlD)
          return finish(() => reject(new Refusal('given up; nothing was changed')));
        if (erase.test(character)) typed = typed.slice(0, -1);
        else if (typed.length < bytesMax) typed.push(character);
      }
    };
    terminal.on('data', read);
  });
}
