/**
 * Looks for an invite that there is not, by the way of the pages for people: the answer comes from a router, through the CDN and the tasks
 * that serve the console. So it also keeps that way awake, which AWS would put to sleep after 60 days of quiet.
 */
import { domainToASCII } from 'node:url';
import { reasonOf } from '../core/report.ts';
import type { Findings } from '../doctor/findings.ts';
import { programLimits } from '../limits.ts';

export async function checkPages(webUrl: string, domain: string, findings: Findings): Promise<void> {
  const url = `${webUrl}/invite/${domainToASCII(domain)}/canary`;
  const advice = 'look at the tier api (all, in the shape small), and at the link from the CDN';
  try {
    const { status, body, headers } = await fetch(url, {
      redirect: 'manual',
      signal: AbortSignal.timeout(programLimits.canaryPagesMs),
    });
    await body?.cancel();
    // Others answer 404, too, to a path that they do not know: these pages take nothing from anywhere.
    const isOurs = headers.get('content-security-policy')?.startsWith("default-src 'none'") ?? false;
    if (status === 404 && isOurs) findings.ok(webUrl, 'the pages for people answer that there is no such invite');
    else if (status === 404) findings.fail(webUrl, 'somebody else answers in place of the pages for people', advice);
    else findings.fail(webUrl, `the pages for people answer ${status} to a link that is not good, and not 404`, advice);
  } catch (error) {
    findings.fail(webUrl, `the pages for people do not answer: ${reasonOf(error)}`, advice);
  }
}
