/** A collector for traces that reads OTLP as it stands on the wire (opentelemetry-proto, trace/v1), with no code of the library that writes it. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';

export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for a root. */
  readonly parentId: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** Attributes of the process. */
  readonly resource: Readonly<Record<string, string | number>>;
  /** 2: an error. */
  readonly status: number;
  readonly startNanos: bigint;
  readonly endNanos: bigint;
}

export interface Collector {
  readonly endpoint: string;
  readonly spans: readonly CollectedSpan[];
  /** All bytes of bodies, as Latin-1. */
  readonly raw: string;
  stop(): Promise<void>;
}

export async function startCollector(): Promise<Collector> {
  const spans: CollectedSpan[] = [];
  let raw = '';
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const sent = Buffer.concat(chunks);
    const body = request.headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
    const isOurs = request.method === 'POST' && request.url === '/v1/traces';
    if (!isOurs || request.headers['content-type'] !== 'application/x-protobuf') {
      response.writeHead(404).end();
      return;
    }
    raw += body.toString('latin1');
    spans.push(...readRequest(body));
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    get raw() {
      return raw;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

type Field = { readonly number: number; readonly bytes: Buffer; readonly value: bigint };

/** Fields of a message of protobuf: lengths in `bytes`, numbers in `value`. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const varint = (): bigint => {
    let result = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++]!;
      result |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return result;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    const number = tag >> 3;
    const none = Buffer.alloc(0);
    if ((tag & 7) === 0) yield { number, bytes: none, value: varint() };
    else if ((tag & 7) === 1) {
      yield { number, bytes: none, value: message.readBigUInt64LE(at) };
      at += 8;
    } else if ((tag & 7) === 2) {
      const length = Number(varint());
      yield { number, bytes: message.subarray(at, at + length), value: 0n };
      at += length;
    } else if ((tag & 7) === 5) {
      yield { number, bytes: none, value: BigInt(message.readUInt32LE(at)) };
      at += 4;
    } else throw new Error(`no such wire type: ${tag & 7}`);
  }
}

function partsOf(message: Buffer, number: number): Buffer[] {
  return [...fieldsOf(message)].flatMap((field) => (field.number === number ? [field.bytes] : []));
}

function readRequest(request: Buffer): CollectedSpan[] {
  return partsOf(request, 1).flatMap((ofResource) => {
    const resource = Object.assign({}, ...partsOf(ofResource, 1).flatMap((one) => partsOf(one, 1).map(readAttribute)));
    return partsOf(ofResource, 2).flatMap((ofScope) => partsOf(ofScope, 2).map((span) => readSpan(span, resource)));
  });
}

function readSpan(message: Buffer, resource: CollectedSpan['resource']): CollectedSpan {
  const fields = [...fieldsOf(message)];
  const bytes = (number: number) => fields.find((field) => field.number === number)?.bytes ?? Buffer.alloc(0);
  const value = (number: number) => fields.find((field) => field.number === number)?.value ?? 0n;
  const status = [...fieldsOf(bytes(15))].find(({ number }) => number === 3)?.value ?? 0n;
  return {
    ...{ traceId: bytes(1).toString('hex'), spanId: bytes(2).toString('hex'), parentId: bytes(4).toString('hex') },
    ...{ name: bytes(5).toString(), resource, status: Number(status), startNanos: value(7), endNanos: value(8) },
    attributes: Object.assign({}, ...partsOf(message, 9).map(readAttribute)),
  };
}

/** Texts and whole numbers. */
function readAttribute(message: Buffer): Record<string, string | number> {
  const key = partsOf(message, 1)[0]!.toString();
  const [value] = [...fieldsOf(partsOf(message, 2)[0]!)];
  return { [key]: value!.number === 1 ? value!.bytes.toString() : Number(value!.value) };
}
