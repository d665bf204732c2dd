/**
 * The unit of systemd under which the service runs: as a user of its own, that can write to its data and to nothing else. systemd.exec(5)
 * says what each line means.
 */
import { dirname, isAbsolute } from 'node:path';
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import { peerPortsOf } from '../compose/federation-options.ts';
import type { StartValues } from '../compose/start-options.ts';
import { programLimits } from '../limits.ts';

export interface UnitOptions {
  /** The program and its arguments in front of the command. */
  readonly program: readonly string[];
  /** The file of settings. */
  readonly settings: string;
  readonly user: string;
  readonly values: StartValues;
}

/** The folders that `ProtectHome` hides. */
const homes: readonly string[] = ['/home', '/root', '/run/user'];

export function unitText({ program, settings, user, values }: UnitOptions): string {
  const { data, cert, key, keyFile, s2sCa } = values;
  const paths = [...program, settings, data, cert, key, keyFile, s2sCa].filter((path) => path !== undefined);
  const needsHome = paths.some((path) => homes.some((home) => path.startsWith(`${home}/`)));
  const capability = lowestPort(values) < 1024 ? 'CAP_NET_BIND_SERVICE' : '';
  // A key that is made when it does not exist has to be written somewhere.
  const writable = [data, ...(keyFile === undefined ? [] : [dirname(keyFile)])].filter(isAbsolute);
  return `[Unit]
Description=Skylark, an XMPP service
Documentation=man:skylark(1)
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
# systemd-notify says when the service is ready, as a process of its own.
NotifyAccess=all
User=${user}
Group=${user}
ExecStart=${[...program, 'start', '--settings', settings].map(quoted).join(' ')}
WorkingDirectory=${escaped(data)}
Restart=on-failure
RestartSec=1
# Wrong settings stay wrong.
RestartPreventExitStatus=2
TimeoutStartSec=${programLimits.serviceStartSeconds}
TimeoutStopSec=${stopSeconds(values)}
KillMode=mixed
LimitNOFILE=${programLimits.serviceFilesMax}
UMask=0077

# It may write to its data, and to nothing else.
ProtectSystem=strict
ReadWritePaths=${writable.map(quoted).join(' ')}
ProtectHome=${needsHome ? 'read-only' : 'true'}
PrivateTmp=true
PrivateDevices=true
ProtectProc=invisible
ProcSubset=pid

${capability === '' ? '# It listens on no port below 1024.' : '# A port below 1024 is among those of the settings.'}
CapabilityBoundingSet=${capability}
AmbientCapabilities=${capability}
NoNewPrivileges=true
RestrictSUIDSGID=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=true
RestrictRealtime=true
LockPersonality=true
RemoveIPC=true
ProtectClock=true
ProtectControlGroups=true
ProtectHostname=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
# MemoryDenyWriteExecute is missing on purpose: Node compiles JavaScript to machine code.

[Install]
WantedBy=multi-user.target
`;
}

/** With several processes all others stop first, and then the one that has started them. */
function stopSeconds({ processes }: StartValues): number {
  const rounds = processes > 1 ? 2 : 1;
  return Math.ceil((rounds * (serviceLimits.shutdownMs + programLimits.childKillMs)) / 1_000);
}

function lowestPort(values: StartValues): number {
  const { c2sPort, c2sTlsPort, httpPort, httpsPort, componentPort, proxyPort, healthPort } = values;
  const all = [c2sPort, c2sTlsPort, httpPort, httpsPort, componentPort, proxyPort, healthPort];
  return Math.min(...[...all, ...Object.values(peerPortsOf(values) ?? {})].filter((port) => port !== undefined && port > 0));
}

/** Percent signs are specifiers in every value (systemd.unit(5)). */
const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('%', '%%');

/** A word of a value that is split at spaces. Dollar signs would be variables (systemd.service(5)). */
function quoted(word: string): string {
  const plain = escaped(word).replaceAll('$', '$$$$');
  return /[\s"']/.test(plain) ? `"${plain.replaceAll('"', '\\"')}"` : plain;
}
