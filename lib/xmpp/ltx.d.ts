/** Declarations for ltx 3.1, which ships none: only what `element.ts` uses. */
declare module 'ltx' {
  export type Node = Element | string;

  export class Element {
    constructor(name: string, attrs?: string | Record<string, string | number | undefined>);
    name: string;
    parent: Element | null;
    children: Node[];
    attrs: Record<string, string>;
    is(name: string, xmlns?: string): boolean;
    getName(): string;
    getNS(): string | undefined;
    findNS(prefix?: string): string | undefined;
    getAttr(name: string, xmlns?: string): string | undefined;
    getChild(name: string, xmlns?: string): this | undefined;
    getChildren(name: string, xmlns?: string): this[];
    getChildByAttr(attr: string, value: string, xmlns?: string, recursive?: boolean): this | undefined;
    getChildText(name: string, xmlns?: string): string | null;
    getChildElements(): this[];
    getText(): string;
    root(): this;
    up(): this;
    c(name: string, attrs?: string | Record<string, string | number | undefined>): this;
    cnode<T extends Node>(child: T): T;
    t(text: string): this;
    append(...nodes: Node[]): void;
    prepend(...nodes: Node[]): void;
    remove(child: Element | string, xmlns?: string): this;
    text(value?: string): string | this;
    attr(name: string, value?: string): string | this | undefined;
    toString(): string;
    write(writer: (text: string) => void): void;
  }

  /** Not safe for input from a peer: it accepts what XML and RFC 6120 forbid. Used for comparison only. */
  export function parse(text: string): Element;
}
