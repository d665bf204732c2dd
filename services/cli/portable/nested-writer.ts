/** Writes elements into the elements that they stand in, which are opened and closed as the place of the next one needs it. */

export class NestedWriter {
  readonly #write: (text: string) => void;
  #open: readonly string[] = [];

  /** @param write takes the text, piece by piece */
  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** @param within opening tags, the outermost first: `["<user name='juliet'>", "<archive xmlns='…'>"]`; space may stand before each */
  add(within: readonly string[], text: string): void {
    this.enter(within);
    this.#write(text);
  }

  /** Opens these elements and closes all others. */
  enter(within: readonly string[]): void {
    let same = 0;
    while (same < within.length && within[same] === this.#open[same]) same += 1;
    for (const tag of this.#open.slice(same).reverse()) this.#write(closing(tag));
    for (const tag of within.slice(same)) this.#write(tag);
    this.#open = [...within];
  }
}

function closing(tag: string): string {
  return `</${/<([^\s/>]+)/.exec(tag)![1]}>`;
}
