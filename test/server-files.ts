/** Tests with other programs that take the ports of servers, or names and addresses that others would take, too. They never run beside each other. */
export const serverFiles: readonly string[] = [
  'test/peers/biboumi.test.ts',
  'test/peers/cells.test.ts',
  'test/peers/challtestsrv.test.ts',
  'test/peers/dino.test.ts',
  'test/peers/dnsmasq.test.ts',
  'test/peers/doctor-prosody.test.ts',
  'test/peers/federation-bidi.test.ts',
  'test/peers/federation-ejabberd.test.ts',
  'test/peers/federation-prosody.test.ts',
  'test/peers/pebble.test.ts',
  'test/peers/posh.test.ts',
  'test/peers/slixmpp-component.test.ts',
  'test/peers/smack.test.ts',
];
