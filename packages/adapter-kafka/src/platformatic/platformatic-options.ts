import type { ConnectionOptions } from 'node:tls'
import { WalError } from '@daybook/core'

/**
 * What each client of `@platformatic/kafka` is given, by its own names. Spelt out here, for its
 * declarations need others that are not installed with it.
 */
export interface PlatformaticOptions {
  readonly clientId: string
  /** `host:port` of some of the brokers; port 9092 where none is named. */
  readonly bootstrapBrokers: string[]
  /** For TLS, with a certificate of the client's own where the brokers ask for one. */
  readonly tls?: ConnectionOptions
  /** The name that the broker's certificate has to have, or true for that of its host. */
  readonly tlsServerName?: string | boolean
  readonly sasl?: {
    readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'
    readonly username?: string | (() => string | Promise<string>)
    readonly password?: string | (() => string | Promise<string>)
    readonly token?: string | (() => string | Promise<string>)
  }
  /** In ms. */
  readonly connectTimeout?: number
  /** How long a request may take, in ms. */
  readonly requestTimeout?: number
  /** How often a call is tried again, and after how many ms. */
  readonly retries?: number | boolean
  readonly retryDelay?: number
  /** How old what it knows of the cluster may be, in ms. */
  readonly metadataMaxAge?: number
}

const names: readonly (keyof PlatformaticOptions)[] = [
  ...(['clientId', 'bootstrapBrokers', 'tls', 'tlsServerName', 'sasl'] as const),
  ...(['connectTimeout', 'requestTimeout', 'retries', 'retryDelay', 'metadataMaxAge'] as const),
]

/** Throws `ERR_CONFIG` for what is no such object. */
export function checkPlatformaticOptions(options: PlatformaticOptions): void {
  const wrong = (reason: string): WalError => new WalError('ERR_CONFIG', `platformatic: ${reason}.`)
  if (typeof options !== 'object' || options === null) throw wrong('takes an object of options')
  const stranger = Object.keys(options).find((name) => !(names as readonly string[]).includes(name))
  if (stranger !== undefined) {
    throw wrong(`\`${stranger}\` is no option; there are ${names.join(', ')}`)
  }
  if (typeof options.clientId !== 'string') throw wrong('`clientId` must be a name')
  const { bootstrapBrokers: brokers } = options
  const isBroker = (one: unknown): boolean => typeof one === 'string' && one !== ''
  if (!Array.isArray(brokers) || brokers.length === 0 || !brokers.every(isBroker)) {
    throw wrong('`bootstrapBrokers` must be an array of `host:port`')
  }
}
