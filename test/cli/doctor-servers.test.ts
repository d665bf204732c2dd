/** `skylark doctor` opens streams as other servers do: at a Skylark, and at servers that are broken or hostile. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { UsageError } from '../../services/cli/core/report.ts';
import { addressRecord, srvRecord } from '../support/dns-server.ts';
import * as fake from '../support/fake-xmpp-server.ts';
import { freePorts } from '../support/free-ports.ts';
import { DoctorGround, domain, type Examined } from './doctor-ground.ts';
import { Examination } from './doctor-run.ts';
import { anyPorts, Service } from './skylark-command.ts';

const rooms = `conference.${domain}`;
const host = 's2s.example.net';
const ground = await DoctorGround.open();
const { authority, good, ca, folder } = ground;

after(() => ground.close());

interface Servers {
  readonly clear?: Examined;
  readonly direct?: Examined;
  readonly roomsClear?: { readonly port: number };
  readonly timeout?: number;
  readonly trusted?: readonly string[];
}

async function examine({ clear, direct, roomsClear, timeout = 30, trusted = ['--ca', ca] }: Servers): Promise<Examination> {
  const records = [addressRecord(host)];
  if (clear) records.push(srvRecord(`_xmpp-server._tcp.${domain}`, host, clear.port));
  if (direct) records.push(srvRecord(`_xmpps-server._tcp.${domain}`, host, direct.port));
  if (roomsClear) records.push(srvRecord(`_xmpp-server._tcp.${rooms}`, host, roomsClear.port));
  return ground.examine(records, [clear, direct], ['--timeout', `${timeout}`, ...trusted]);
}

const at = ({ port }: { readonly port: number }) => `${host}:${port}`;
const dialback = `<dialback xmlns='urn:xmpp:features:dialback'><errors/></dialback>`;
const offers = fake.answering(domain, fake.features(dialback));

test('a Skylark with federation passes, for the domain and for its rooms', async () => {
  const { cert, key } = await authority.issue([domain, rooms]);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key, { mode: 0o600 });
  const [clear, direct] = (await freePorts(2)) as [number, number];
  const service = await Service.start([
    ...['start', '--domain', domain, '--data', join(folder, 'data'), '--cert', files.cert, '--key', files.key],
    ...anyPorts.filter((option) => !option.startsWith('--s2s-')),
    ...['--s2s-port', `${clear}`, '--s2s-tls-port', `${direct}`],
  ]);
  try {
    const found = await examine({ clear: { port: clear }, direct: { port: direct }, roomsClear: { port: clear } });
    assert.ok(!found.failures.some((text) => text.startsWith(host)), found.text);
    found.says('ok', /STARTTLS is offered and required/, `${host}:${clear}`);
    found.says('ok', /TLS from the first byte, ALPN xmpp-server/, `${host}:${direct}`);
    for (const [name, port] of [
      [domain, clear],
      [domain, direct],
      [rooms, clear],
    ] as const) {
      const names = name.replaceAll('.', '\\.');
      found.says('ok', /^TLS 1\.3$/, `${host}:${port}`);
      found.says('ok', new RegExp(`^certificate for ${names}, good for (?:89|90) days`), `${host}:${port}`);
      found.says('ok', new RegExp(`^servers can prove themselves to ${names} by dialback$`), `${host}:${port}`);
      found.says('ok', /stanzas of servers are acknowledged \(XEP-0198\)/, `${host}:${port}`);
    }
  } finally {
    await service.stop();
  }
});

test('authorities that cannot be read are refused', async () => {
  const broken = join(folder, 'broken.pem');
  writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  await assert.rejects(
    Examination.run([domain, '--ca', broken]),
    (error: Error) => error instanceof UsageError && /--ca: '.*broken\.pem' cannot be used/.test(error.message),
  );
});

describe('what other servers would refuse', { concurrency: true }, () => {
  test('no STARTTLS', async () => {
    const clear = await fake.startFake(offers);
    (await examine({ clear })).says('fail', /does not offer STARTTLS to servers for example\.org/, at(clear));
  });

  test('STARTTLS beside dialback in the clear, and an answer to it that is none', async () => {
    const clear = await fake.startFake((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes('<starttls')) socket.write(`<failure xmlns='${fake.NS_TLS}'/>`);
      });
      fake.answering(domain, fake.features(`<starttls xmlns='${fake.NS_TLS}'/>${dialback}`))(socket);
    });
    const found = await examine({ clear });
    found.says('warn', /STARTTLS is offered, but not required: dialback before it/, at(clear));
    found.says('fail', /answers <failure\/> to STARTTLS/, at(clear));
  });

  test('certificates that have expired, end soon, are for somebody else, or of an authority that is not known', async () => {
    for (const [names, days, trusted, state, said] of [
      [[domain], -3, ['--ca', ca], 'fail', /it has expired on \d{4}-\d\d-\d\d/],
      [[domain], 3, ['--ca', ca], 'fail', /the certificate expires on .*, in [23] days/],
      [[domain], 15, ['--ca', ca], 'warn', /the certificate expires on .*, in 1[45] days/],
      [['other.example'], 90, ['--ca', ca], 'fail', /the certificate is for other\.example, not for example\.org/],
      [[domain], 90, [], 'fail', /its CA is not trusted here/],
    ] as const) {
      const identity = await authority.issue(names, days);
      const direct = await fake.startFake(offers, identity);
      const clear = await fake.startFake(fake.upgrading(domain, identity, offers));
      const found = await examine({ clear, direct, trusted });
      for (const server of [clear, direct]) {
        found.says(state, said, at(server));
        found.says('ok', /servers can prove themselves to example\.org by dialback/, at(server));
      }
      const praised = found.findings.filter(({ text }) => /^certificate for/.test(text)).length;
      assert.equal(praised, state === 'fail' ? 0 : 2, found.text);
    }
  });

  test('a certificate that is good for the domain, and not for its rooms', async () => {
    const clear = await fake.startFake(fake.upgrading(domain, good, offers));
    const found = await examine({ clear, roomsClear: clear });
    found.says('ok', /^certificate for example\.org/, at(clear));
    found.says('fail', /the certificate is for example\.org, not for conference\.example\.org/, at(clear));
  });

  test('nothing to prove oneself by, and SASL EXTERNAL', async () => {
    const direct = await fake.startFake(fake.answering(domain, fake.features()), good);
    const external = fake.answering(domain, fake.features(fake.mechanisms('EXTERNAL') + dialback));
    const clear = await fake.startFake(fake.upgrading(domain, good, external));
    const found = await examine({ clear, direct });
    found.says('warn', /offers neither dialback nor SASL EXTERNAL/, at(direct));
    found.says('ok', /acknowledgements \(XEP-0198\) are not offered/, at(direct));
    found.says('ok', /servers can prove themselves to example\.org by dialback and SASL EXTERNAL$/, at(clear));
  });

  test('a port for clients', async () => {
    const direct = await fake.startFake((socket) => {
      socket.on('data', () => socket.write(fake.header(domain) + fake.features()));
    }, good);
    (await examine({ direct })).says('fail', /example\.org: .*the content namespace must be jabber:server/, at(direct));
  });
});

describe('peers that mean harm', { concurrency: true }, () => {
  test('a server that says a byte now and then', async () => {
    const dribble = (socket: Socket) => {
      const text = fake.header(domain, 'jabber:server');
      let index = 0;
      const timer = setInterval(() => socket.write(text[index++ % text.length]!), 100);
      socket.on('close', () => clearInterval(timer));
    };
    const clear = await fake.startFake(dribble);
    const direct = await fake.startFake(dribble, good);
    const both = await Promise.all([examine({ clear, timeout: 3 }), examine({ direct, timeout: 3 })]);
    for (const [index, server] of [clear, direct].entries())
      both[index]!.says('fail', /the stream header took more than 3 s|no time was left for the stream header/, at(server));
  });

  test('a server that falls silent behind <proceed/>', async () => {
    const clear = await fake.startFake((socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunk.includes('<starttls')) socket.write(`<proceed xmlns='${fake.NS_TLS}'/>`);
        else if (chunk.includes('<stream:stream'))
          socket.write(fake.header(domain, 'jabber:server') + fake.features(fake.startTlsFeature));
      });
    });
    const found = await examine({ clear, timeout: 3 });
    found.says('fail', /the TLS handshake took more than 3 s|no time was left for the TLS handshake/, at(clear));
  });

  for (const [what, first, chunk] of [
    ['features without end', `${fake.header(domain, 'jabber:server')}<stream:features>`, '<x/>'.repeat(5_000)],
    ['bytes that are not XML', '', '\0'.repeat(20_000)],
  ] as const) {
    test(what, async () => {
      const pour = (socket: Socket) => {
        const more = () => {
          while (!socket.destroyed && socket.write(chunk)) {
            // until the socket is full
          }
        };
        socket.on('drain', more);
        socket.once('data', () => {
          socket.write(first);
          more();
        });
      };
      const clear = await fake.startFake(pour);
      const direct = await fake.startFake(pour, good);
      const found = await examine({ clear, direct });
      for (const server of [clear, direct]) found.says('fail', /sends what cannot be taken|sends without end/, at(server));
    });
  }

  test('a stream error that would write on the terminal', async () => {
    const text = '<text xmlns="urn:ietf:params:xml:ns:xmpp-streams">all is well&#xA;ok    everything\u009b31m\u202e</text>';
    const error = `<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>${text}</stream:error>`;
    const clear = await fake.startFake(fake.upgrading(domain, good, fake.answering(domain, error)));
    const found = await examine({ clear });
    found.says('ok', /^certificate for example\.org/, at(clear));
    found.says('fail', /example\.org: .*stream error host-unknown \(all is well ok everything 31m\)$/, at(clear));
  });

  test('a certificate whose name would write on the terminal', async () => {
    const direct = await fake.startFake(offers, await authority.issue(['ev\u001b[2Jil.example']));
    const found = await examine({ direct });
    found.says('fail', /the certificate/, at(direct));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
    assert.doesNotMatch(found.findings.map(({ text }) => text).join(''), /[\u0000-\u001f]/);
  });

  test('more behind <proceed/>, in the clear', async () => {
    const clear = await fake.startFake(fake.upgrading(domain, good, offers, '<message from="bank.example"/>'));
    (await examine({ clear })).says('fail', /sends more behind <proceed\/>, in the clear/, at(clear));
  });

  test('a server that closes at once, and one that does not speak TLS', async () => {
    const clear = await fake.startFake((socket) => socket.end());
    const direct = await fake.startFake((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const found = await examine({ clear, direct });
    found.says('fail', /closes the connection/, at(clear));
    found.says('fail', /TLS|closes the connection|cut off/, at(direct));
  });
});
