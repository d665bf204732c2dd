/** Runs in a browser: somebody with stanza, who calls, is called, and sends files by Jingle. Its media goes through relays alone. */
import { createClient } from 'stanza';

let agent;

/** What an agent tells next. */
const next = (name) =>
  new Promise((resolve, reject) => {
    agent.once(name, resolve);
    setTimeout(() => reject(new Error(`no ${name} of stanza`)), 30_000);
  });

async function isConnected(pc) {
  while (pc.connectionState !== 'connected') {
    if (pc.connectionState === 'failed') throw new Error('the media has no way');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** What kinds of candidates are used. */
async function way(pc) {
  const all = [...(await pc.getStats()).values()];
  const pair = all.find(({ type, nominated, state }) => type === 'candidate-pair' && nominated && state === 'succeeded');
  const kind = (id) => all.find((one) => one.id === id)?.candidateType;
  return [kind(pair.localCandidateId), kind(pair.remoteCandidateId)];
}

const voice = () => navigator.mediaDevices.getUserMedia({ audio: true });

/** @returns the full JID, and which servers for calls there are (XEP-0215) */
async function signIn(jid, password, websocket) {
  agent = createClient({
    ...{ jid, password, transports: { websocket, bosh: false } },
    jingle: { iceServers: [], iceTransportPolicy: 'relay' },
  });
  const started = next('session:started');
  agent.connect();
  await started;
  agent.sendPresence();
  await agent.discoverICEServers();
  return { jid: agent.jid, servers: agent.jingle.iceServers };
}

async function call(peer) {
  const session = agent.jingle.createMediaSession(peer, undefined, await voice());
  const accepted = next('jingle:accepted');
  await session.start();
  await accepted;
  await isConnected(session.pc);
  window.session = session;
}

/** @returns what is heard or seen of who calls */
async function answer() {
  const session = await next('jingle:incoming');
  for (const track of (await voice()).getTracks()) session.addTrack(track, new MediaStream([track]));
  await session.accept();
  await isConnected(session.pc);
  window.session = session;
  return session.pc.getReceivers()[0].track.kind;
}

/** @returns when some sound has come */
async function listen() {
  const { pc } = window.session;
  for (;;) {
    const sound = [...(await pc.getStats()).values()].find(({ type, kind }) => type === 'inbound-rtp' && kind === 'audio');
    if (sound?.packetsReceived > 20) return way(pc);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** @returns the state of the call behind it */
async function hangUp(isMine) {
  const ended = next('jingle:terminated');
  if (isMine) window.session.end('success');
  await ended;
  return window.session.state;
}

async function sendFile(peer, text) {
  const session = agent.jingle.createFileTransferSession(peer);
  await session.start(new File([text], 'sonnet.txt', { type: 'text/plain' }));
}

/** @returns what has come. stanza tells of a file whose hash is the one that was said. */
async function takeFile() {
  const session = await next('jingle:incoming');
  const came = new Promise(
    (resolve) => void agent.jingle.once('receivedFile', (_session, file, { name }) => resolve({ file, name })),
  );
  await session.accept();
  const { file, name } = await came;
  return { text: await file.text(), name };
}

window.person = { signIn, call, answer, listen, hangUp, sendFile, takeFile };
