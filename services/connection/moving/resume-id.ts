/** The `id` of `<enabled/>` and the `previd` of `<resume/>` (XEP-0198 §5): which node holds the session, and a secret. */

export interface ResumeId {
  readonly node: string;
  readonly sid: string;
  readonly token: string;
}

export function formatResumeId({ node, sid, token }: ResumeId): string {
  return Buffer.from(`${node}/${sid}/${token}`).toString('base64url');
}

/** @returns undefined when it is not one of ours */
export function parseResumeId(text: string | undefined): ResumeId | undefined {
  // Node's decoder skips characters that are not base64url.
  if (text === undefined || !/^[\w-]{1,512}$/.test(text)) return undefined;
  const match = /^(n\.[a-z0-9-]+\.[A-Za-z0-9]+)\/([a-z0-9]+)\/([\w-]+)$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  return match === null ? undefined : { node: match[1]!, sid: match[2]!, token: match[3]! };
}
