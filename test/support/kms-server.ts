/**
 * KMS as far as data keys go: GenerateDataKey and Decrypt with real encryption, so that a ciphertext which was changed, or comes with
 * another context, is refused as KMS does.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type AwsAnswer, type AwsRequest, AwsServer } from './aws-server.ts';

interface Given {
  readonly KeyId?: string;
  readonly KeySpec?: string;
  readonly CiphertextBlob?: string;
  readonly EncryptionContext?: Readonly<Record<string, string>>;
}

export class KmsServer {
  readonly server: AwsServer;
  /** As if KMS were away. */
  #isAway = false;

  private constructor(server: AwsServer) {
    this.server = server;
  }

  /** @param aliases each with a key of its own */
  static async start(aliases: readonly string[]): Promise<KmsServer> {
    const keys = new Map(aliases.map((alias) => [alias, randomBytes(32)]));
    const kms: KmsServer = new KmsServer(
      await AwsServer.start((request) =>
        kms.#isAway ? { status: 500, body: '{"__type":"KMSInternalException"}' } : answer(keys, request),
      ),
    );
    return kms;
  }

  get url(): string {
    return this.server.url;
  }

  set isAway(isAway: boolean) {
    this.#isAway = isAway;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

function answer(keys: ReadonlyMap<string, Buffer>, { target, body }: AwsRequest): AwsAnswer {
  const given = JSON.parse(body) as Given;
  const key = keys.get(given.KeyId ?? '');
  if (key === undefined) return refuse('NotFoundException');
  const context = canonical(given.EncryptionContext);
  if (target === 'TrentService.GenerateDataKey' && given.KeySpec === 'AES_256') {
    const plain = randomBytes(32);
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context);
    const blob = Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
    return told({ Plaintext: plain.toString('base64'), CiphertextBlob: blob.toString('base64'), KeyId: given.KeyId });
  }
  if (target === 'TrentService.Decrypt') {
    const blob = Buffer.from(given.CiphertextBlob ?? '', 'base64');
    if (blob.length !== 60) return refuse('InvalidCiphertextException');
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(0, 12), { authTagLength: 16 });
      decipher.setAAD(context).setAuthTag(blob.subarray(44));
      const plain = Buffer.concat([decipher.update(blob.subarray(12, 44)), decipher.final()]);
      return told({ Plaintext: plain.toString('base64'), KeyId: given.KeyId });
    } catch {
      return refuse('InvalidCiphertextException');
    }
  }
  return refuse('UnsupportedOperationException');
}

function canonical(context: Given['EncryptionContext'] = {}): Buffer {
  return Buffer.from(JSON.stringify(Object.entries(context).sort()));
}

function told(result: object): AwsAnswer {
  return { status: 200, body: JSON.stringify(result) };
}

function refuse(type: string): AwsAnswer {
  return { status: 400, body: JSON.stringify({ __type: type, message: 'refused' }) };
}
