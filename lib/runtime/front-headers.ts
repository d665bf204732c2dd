/**
 * What a CDN in front says of each request, in place of whatever the client has sent under these names:
 *
 * | Header | What |
 * |---|---|
 * | `x-skylark-front` | a key that it shares with the service |
 * | `x-skylark-viewer` | the address of the client, as the CDN sees its connection |
 * | `x-skylark-host` | the host that the client has asked for |
 */
export const frontHeaders = { key: 'x-skylark-front', viewer: 'x-skylark-viewer', host: 'x-skylark-host' } as const;
