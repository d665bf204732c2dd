/** The operation cannot be done as it was asked for; asking again will not help. */
export class Refusal extends Error {
  override name = 'Refusal';
}
