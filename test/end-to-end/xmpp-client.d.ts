/** Declarations for @xmpp/client 0.14, which ships none: what the tests use. */
declare module '@xmpp/client' {
  export interface Element {
    readonly name: string;
    readonly attrs: Readonly<Record<string, string>>;
    is(name: string, xmlns?: string): boolean;
    getChild(name: string, xmlns?: string): Element | undefined;
    getChildren(name: string, xmlns?: string): Element[];
    getChildText(name: string, xmlns?: string): string | null;
    toString(): string;
  }
  export interface Client {
    start(): Promise<unknown>;
    stop(): Promise<unknown>;
    send(element: Element): Promise<void>;
    write(text: string): Promise<void>;
    /** How long an answer may take, milliseconds. */
    timeout: number;
    on(event: 'stanza', listener: (stanza: Element) => void): void;
    on(event: 'error', listener: (error: Error) => void): void;
    on(event: 'disconnect', listener: () => void): void;
    /** What goes out and comes in, stanza or not. */
    on(event: 'send' | 'element', listener: (element: Element) => void): void;
    readonly jid: { toString(): string };
    readonly fast: { saveToken: (token: Token) => Promise<void>; fetchToken: () => Promise<Token | undefined> };
    readonly streamManagement: { readonly enabled: boolean; on(event: 'resumed', listener: () => void): void };
    readonly reconnect: { delay: number; stop(): void };
    readonly iqCaller: {
      get(child: Element, to?: string): Promise<Element | undefined>;
      request(iq: Element): Promise<Element>;
    };
  }
  /** XEP-0484. */
  export interface Token {
    readonly mechanism: string;
    readonly token: string;
    readonly expiry: string;
  }
  export function client(options: Readonly<Record<string, string | Element>>): Client;
  export function xml(name: string, attrs?: Readonly<Record<string, string>>, ...children: (Element | string)[]): Element;
}
