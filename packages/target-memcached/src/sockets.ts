/**
 * Numbers sockets in the order in which they are first used. The CAS numbers of a server begin anew when
 * it is restarted: one that was read says nothing over a socket that came later.
 */
export class Sockets {
  readonly #numbers = new WeakMap<object, number>()
  #last = 0

  /** The number of the one that was seen first last; 0 before any was. */
  get last(): number {
    return this.#last
  }

  numberOf(socket: object): number {
    const known = this.#numbers.get(socket)
    if (known !== undefined) return known
    this.#numbers.set(socket, ++this.#last)
    return this.#last
  }
}

/** A CAS number, and the number of a socket, as one text. */
export function casOver(socket: number, cas: string): string {
  return `${socket}:${cas}`
}

/** Takes apart what {@link casOver} put together. */
export function readCas(text: string): readonly [socket: number, cas: string] {
  const [socket, cas = ''] = text.split(':')
  return [Number(socket), cas]
}
