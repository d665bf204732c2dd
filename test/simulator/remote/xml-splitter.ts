/** Cuts what a stream carries into its header, its elements and its closing tag; the server's own code plays no part in it. */
const tag = /<(\/?)(?:[^>"']|"[^"]*"|'[^']*')*?(\/?)>/y;

export class XmlSplitter {
  #text = '';

  push(text: string): string[] {
    this.#text += text;
    const parts: string[] = [];
    for (let part = this.#next(); part !== undefined; part = this.#next()) parts.push(part);
    return parts;
  }

  #next(): string | undefined {
    this.#text = this.#text.replace(/^(?:\s|<\?[^>]*\?>)+/, '');
    const header = /^<\/?stream:stream[^>]*>/.exec(this.#text)?.[0];
    if (header !== undefined) return this.#take(header.length);
    let depth = 0;
    for (let at = this.#text.indexOf('<'); at >= 0; at = this.#text.indexOf('<', at)) {
      tag.lastIndex = at;
      const [whole, closes, isEmpty] = tag.exec(this.#text) ?? [];
      if (whole === undefined) return undefined;
      at += whole.length;
      if (closes !== '') depth--;
      else if (isEmpty === '') depth++;
      if (depth === 0) return this.#take(at);
    }
    return undefined;
  }

  #take(length: number): string {
    const part = this.#text.slice(0, length);
    this.#text = this.#text.slice(length);
    return part;
  }
}
