/** RFC 6121 §5.2.2: the types of messages. */
const types = new Set(['normal', 'chat', 'groupchat', 'headline', 'error']);

/** An unknown type is treated as `normal`. */
export function messageType({ type = 'normal' }: { readonly type?: string | undefined }): string {
  return types.has(type) ? type : 'normal';
}
