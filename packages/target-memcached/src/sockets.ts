import type { Socket } from 'node:net'

/**
 * Numbers sockets in the order in which they are first used. The CAS numbers of a server begin anew when
 * it is restarted: one that was read says nothing over a socket that came later.
 */
export class Sockets {
  readonly #numbers = new WeakMap<object, number>()
  #last = 0
  readonly #corked = new Set<object>()

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

  /**
   * Has all that is written to the socket in this turn go out as one. A batch is a command for each
   * record, and the clients write each by itself: a call of the system for each, here and at the server.
   */
  writeTogether(socket: object | undefined): void {
    if (socket === undefined || this.#corked.has(socket)) return
    const { cork, uncork } = socket as Partial<Socket>
    if (cork === undefined || uncork === undefined) return
    this.#corked.add(socket)
    cork.call(socket)
    process.nextTick(() => {
      this.#corked.delete(socket)
      uncork.call(socket)
    })
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
