/** What a model client is made of. */
import type { SignInKind } from './client-sign-in.ts';
import type { History } from './history.ts';
import type { Random } from './random.ts';
import type { Settings } from './settings.ts';
import type { SimSocket, SocketReader } from './sim-socket.ts';
import type { World } from './world.ts';

export interface Door {
  readonly name: string;
  /** undefined: nobody listens. */
  connect(reader: SocketReader): SimSocket | undefined;
}

export interface ClientParts {
  readonly world: World;
  readonly random: Random;
  readonly history: History;
  readonly settings: Settings;
  readonly doors: () => readonly Door[];
  readonly jid: string;
  readonly rooms: readonly string[];
  /** What it may block. */
  readonly blockable: readonly string[];
  readonly signIn: SignInKind;
  /** It can be woken. */
  readonly isPhone: boolean;
}
