/** Clients that somebody who comes by an invite may use, by the system that their browser names. Each can be handed the address of an invite. */
export interface Client {
  readonly name: string;
  readonly url: string;
}

export type Platform = 'android' | 'ios' | 'macos' | 'windows' | 'linux';

const clients: Readonly<Record<Platform, readonly Client[]>> = {
  android: [
    { name: 'Conversations', url: 'https://conversations.im/' },
    { name: 'Cheogram', url: 'https://cheogram.com/' },
  ],
  ios: [
    { name: 'Monal', url: 'https://monal-im.org/' },
    { name: 'Siskin IM', url: 'https://siskin.im/' },
  ],
  macos: [
    { name: 'Monal', url: 'https://monal-im.org/' },
    { name: 'Beagle IM', url: 'https://beagle.im/' },
  ],
  windows: [
    { name: 'Gajim', url: 'https://gajim.org/' },
    { name: 'Psi', url: 'https://psi-im.org/' },
  ],
  linux: [
    { name: 'Gajim', url: 'https://gajim.org/' },
    { name: 'Dino', url: 'https://dino.im/' },
  ],
};

/** @returns undefined for a system that is not known: then all of them are shown */
export function platformOf(userAgent: string): Platform | undefined {
  if (/Android/i.test(userAgent)) return 'android';
  if (/iPhone|iPad|iPod/i.test(userAgent)) return 'ios';
  if (/Mac OS X|Macintosh/i.test(userAgent)) return 'macos';
  if (/Windows/i.test(userAgent)) return 'windows';
  return /Linux|X11/i.test(userAgent) ? 'linux' : undefined;
}

export function clientsFor(platform: Platform | undefined): readonly Client[] {
  const found = platform === undefined ? Object.values(clients).flat() : clients[platform];
  return [...new Map(found.map((client) => [client.name, client])).values()];
}
