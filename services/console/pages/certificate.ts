/** The certificate of a tenant: what it is, a form to give another, and a button to remove it. */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { badge, card, formCard } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { consoleLimits } from '../limits.ts';

interface Certificate {
  readonly certificate?: {
    readonly names: readonly string[];
    readonly issuer?: string;
    readonly notBefore: string;
    readonly notAfter: string;
    readonly daysLeft: number;
    readonly fingerprint: string;
    readonly source: 'acme' | 'pem';
  };
}

/** @param back the page that shows them */
export async function certificateCards(view: View, domain: string, back: string): Promise<Html> {
  const { texts } = view;
  const { certificate } = await read<Certificate>(view, 'certificate-show', { domain });
  const form = { back, fixed: { domain }, isFixedHidden: true };
  return html`${card(
    texts.of('tenant.certificate'),
    certificate === undefined ? html`<p>${texts.of('tenant.noCertificate')}</p>` : factsHtml(view, domain, back, certificate),
  )}
    ${formCard(view, texts.of('tenant.addCertificate'), 'certificate-add', form, texts.of('tenant.addCertificateNote'))}`;
}

function factsHtml(view: View, domain: string, back: string, certificate: NonNullable<Certificate['certificate']>): Html {
  const { texts } = view;
  const { names, issuer, notBefore, notAfter, daysLeft, fingerprint, source } = certificate;
  const left = texts.of('tenant.daysLeft', { count: daysLeft });
  return html`<dl class="facts">
    <div><dt>${texts.of('tenant.names')}</dt><dd>${names.join(', ')}</dd></div>
    ${issuer === undefined ? '' : html`<div><dt>${texts.of('tenant.issuer')}</dt><dd>${issuer}</dd></div>`}
    <div><dt>${texts.of('tenant.valid')}</dt><dd>${texts.moment(notBefore)} – ${texts.moment(notAfter)} ${badge(kindOf(daysLeft), left)}</dd></div>
    <div><dt>${texts.of('tenant.source')}</dt><dd>${texts.of(`tenant.by.${source}`)}</dd></div>
    <div><dt>SHA-256</dt><dd><code>${fingerprint}</code></dd></div></dl>
    <p class="actions">${formLink(view, 'certificate-remove', { domain }, { back, label: texts.of('tenant.removeCertificate'), about: domain, kind: 'danger' })}</p>`;
}

function kindOf(daysLeft: number): 'good' | 'warn' | 'bad' {
  if (daysLeft < 0) return 'bad';
  return daysLeft < consoleLimits.certificateDaysMin ? 'warn' : 'good';
}
