import { Buffer } from 'node:buffer'
import { type Clock, permanent, systemClock, unavailable } from '@daybook/core'
import { AnswerDeadline } from './answer-deadline.ts'
import { AwayNodes } from './away-nodes.ts'
import type { HeldItem, ItemChange, MemcachedConnection } from './memcached-connection.ts'
import { casOver, readCas, Sockets } from './sockets.ts'

/** The few members used of the class `Memcache` of the package `memcache`. */
export interface MemcacheClient {
  readonly nodes: readonly MemcacheNode[]
  /** Which node has a key. One with copies on several nodes is refused: each has CAS numbers of its own. */
  readonly hash: { getNodesByKey(key: string): readonly MemcacheNode[] }
  /** How long a server may leave a command unanswered, in ms; default 5,000, as the class has it. */
  readonly timeout?: number
}

/** One server, as that class has it. */
export interface MemcacheNode {
  readonly id: string
  readonly hasSaslCredentials: boolean
  readonly socket?: object | undefined
  isConnected(): boolean
  reconnect(): Promise<void>
  disconnect(): Promise<void>
  /** Resolves with the line that answers, or, for `isMultiline`, with the values. */
  command(command: string, options?: { isMultiline?: boolean }): Promise<unknown>
}

/**
 * Compare-and-set through `memcache`. Its own methods neither give a CAS number nor tell of errors,
 * so commands are given to its nodes, which do.
 */
export class MemcacheConnection implements MemcachedConnection {
  readonly #client: MemcacheClient
  readonly #clock: Clock
  /** Of nodes that are being connected: a second connect would make a second socket. */
  readonly #connecting = new Map<MemcacheNode, Promise<void>>()
  /** From when one could not be connected to, or did not answer, until it answers. */
  readonly #away: AwayNodes
  readonly #deadlines = new Map<MemcacheNode, AnswerDeadline>()
  /** Of nodes that are being asked whether they answer. */
  readonly #asking = new Map<MemcacheNode, Promise<unknown>>()

  readonly #sockets = new Sockets()

  constructor(client: MemcacheClient, clock: Clock = systemClock) {
    this.#client = client
    this.#clock = clock
    this.#away = new AwayNodes(clock)
  }

  /**
   * The number is read before the value. Where the item changes between the two, the value is newer than
   * its number, and the store that relies on it is refused.
   */
  async gets(key: string): Promise<HeldItem | undefined> {
    const node = this.#nodeOf(key)
    if (!this.#isReady(node)) await this.#reach(node)
    const socket = this.#socketOf(node)
    this.#sockets.writeTogether(node.socket)
    const reading = this.#command(node, `mg ${key} c`)
    const [meta, answer] = await Promise.all([
      reading,
      this.#command(node, `get ${key}`, multiline),
    ])
    const cas = casIn(`${meta}`)
    const [value] = (answer as readonly string[] | undefined) ?? []
    return cas === undefined || value === undefined
      ? undefined
      : { value, cas: casOver(socket, cas) }
  }

  /**
   * By `cas` and `add` of the old protocol: when it refuses a value as too large, the meta command `ms`
   * removes the item that was there, and its version with it.
   */
  async store({ key, value, ttlSeconds, cas }: ItemChange): Promise<boolean> {
    if (typeof value !== 'string') throw textOnly
    const node = this.#nodeOf(key)
    if (!this.#isReady(node)) await this.#reach(node)
    const [socket, number] = cas === undefined ? [] : readCas(cas)
    if (socket !== undefined && socket !== this.#socketOf(node)) return false
    const sizes = `${key} 0 ${ttlSeconds} ${Buffer.byteLength(value)}`
    const head = cas === undefined ? `add ${sizes}` : `cas ${sizes} ${number}`
    this.#sockets.writeTogether(node.socket)
    return (await this.#command(node, `${head}\r\n${value}`)) === 'STORED'
  }

  async ping(): Promise<void> {
    await this.#anyAnswers(this.#client.nodes)
  }

  async othersAnswer(key: string): Promise<boolean> {
    const [own, ...copies] = this.#client.hash.getNodesByKey(key)
    const others = this.#client.nodes.filter((node) => node !== own)
    if (copies.length > 0) return false
    return this.#anyAnswers(others).then(
      () => true,
      () => false,
    )
  }

  serverOf(key: string): string | undefined {
    return this.#client.hash.getNodesByKey(key)[0]?.id
  }

  /** Rejects with what the first of them says if none answers. */
  async #anyAnswers(nodes: readonly MemcacheNode[]): Promise<void> {
    await Promise.any(nodes.map((node) => this.#ask(node))).catch(({ errors }: AggregateError) => {
      throw errors[0] ?? oneNode
    })
  }

  /** A batch has many keys of a server that is away: the others are asked once for all of them. */
  #ask(node: MemcacheNode): Promise<unknown> {
    const known = this.#asking.get(node)
    if (known !== undefined) return known
    const asking = this.#connected(node)
      .then(() => this.#command(node, 'version'))
      .finally(() => this.#asking.delete(node))
    this.#asking.set(node, asking)
    return asking
  }

  #socketOf({ socket }: MemcacheNode): number {
    return socket === undefined ? 0 : this.#sockets.numberOf(socket)
  }

  #nodeOf(key: string): MemcacheNode {
    const nodes = this.#client.hash.getNodesByKey(key)
    const [node] = nodes
    if (node === undefined || nodes.length > 1) throw oneNode
    return node
  }

  /** Connected, and not found silent since. */
  #isReady(node: MemcacheNode): boolean {
    return node.isConnected() && !this.#away.has(node)
  }

  #command(node: MemcacheNode, text: string, options?: typeof multiline): Promise<unknown> {
    const known = this.#deadlines.get(node)
    const deadline = known ?? this.#newDeadline(node)
    if (known === undefined) this.#deadlines.set(node, deadline)
    return deadline.heed(node.command(text, options))
  }

  /** What is unanswered by then breaks the connection: an answer that came later would be taken for another's. */
  #newDeadline(node: MemcacheNode): AnswerDeadline {
    const longestMs = this.#client.timeout || 5_000
    return new AnswerDeadline(this.#clock, longestMs, () => {
      this.#away.add(node)
      node.disconnect().catch(() => {})
      return unavailable('connection', `${node.id} has not answered for ${longestMs} ms.`)
    })
  }

  /**
   * Where there are others, nobody waits for a server that was away when it was tried last: a connection
   * that nobody answers takes seconds to fail. It is tried beside, for those who come later.
   */
  async #reach(node: MemcacheNode): Promise<void> {
    const connecting = this.#connected(node)
    if (!this.#away.has(node) || this.#client.nodes.length === 1) return connecting
    connecting.catch(() => {})
    const retryAfterMs = this.#away.waitMs(node)
    const message = `${node.id} is away, and is tried again.`
    throw unavailable('connection', message, { retryAfterMs })
  }

  /** `connect` would go on with what was half read when the connection broke; `reconnect` starts afresh. */
  async #connected(node: MemcacheNode): Promise<void> {
    const known = this.#connecting.get(node)
    if (known !== undefined) return known
    if (this.#isReady(node)) return
    const connecting = this.#connect(node).finally(() => this.#connecting.delete(node))
    this.#connecting.set(node, connecting)
    return connecting
  }

  /** The system takes connections also where nobody will answer: it is there once it does. */
  async #connect(node: MemcacheNode): Promise<void> {
    try {
      await node.reconnect()
      await this.#command(node, 'version')
      this.#away.delete(node)
    } catch (error) {
      this.#away.add(node)
      throw error
    }
  }
}

const multiline = { isMultiline: true }

/** The CAS number in an answer to `mg`; undefined where nothing is held. */
function casIn(line: string): string | undefined {
  return line.startsWith('HD c') ? line.slice('HD c'.length) : undefined
}

const textOnly = permanent(
  'bad_value',
  'The package memcache sends text only; use memcache-client for values that are bytes.',
)

const oneNode = unavailable('not_one_node', 'The client has to know one node for each key.')
