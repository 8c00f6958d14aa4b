import type { ConnectionOptions } from 'node:tls'

/**
 * What each client of `@platformatic/kafka` is given, by its own names. Spelt out here, for its
 * declarations need others that are not installed with it.
 */
export interface PlatformaticOptions {
  readonly clientId: string
  /** `host:port` of some of the brokers. */
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
