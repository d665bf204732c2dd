/** Where to go after something: a page that a form or an address names. */

/** Only to pages of the console. */
export function safeBack(text: string | null | undefined): string {
  if (!text || !URL.canParse(text, 'http://console.invalid')) return '/console';
  const { origin, pathname, search } = new URL(text, 'http://console.invalid');
  return origin === 'http://console.invalid' && /^\/console(?:\/|$)/.test(pathname) ? `${pathname}${search}` : '/console';
}
