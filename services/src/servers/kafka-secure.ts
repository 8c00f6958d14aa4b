import { join } from 'node:path'
import type { Ports } from '../ports.ts'

/** Who may come in through the listener that asks for a password. */
export const kafkaUser = { username: 'daybook', password: 'daybook-secret' } as const

/** May come in, too, and do only what access control lists allow it. */
export const kafkaGuest = { username: 'guest', password: 'guest-secret' } as const

/** Two further listeners, as a broker has them that is not alone in its network. */
export function secureListeners(
  ports: Ports,
  certificates: string,
): {
  readonly listeners: Readonly<Record<string, number>>
  readonly protocols: Readonly<Record<string, string>>
  readonly settings: Readonly<Record<string, string>>
} {
  const users = [kafkaUser, kafkaGuest].map(
    ({ username, password }) => `user_${username}="${password}"`,
  )
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required ${users.join(' ')};`
  return {
    listeners: { MUTUAL: ports['mutualTls'] ?? 0, PASSWORD: ports['password'] ?? 0 },
    protocols: { MUTUAL: 'SSL', PASSWORD: 'SASL_SSL' },
    settings: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': join(certificates, 'server.pem'),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': join(certificates, 'ca.crt'),
      'listener.name.mutual.ssl.client.auth': 'required',
      'listener.name.password.ssl.client.auth': 'none',
      'listener.name.password.sasl.enabled.mechanisms': 'PLAIN',
      'listener.name.password.plain.sasl.jaas.config': login,
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      // The broker itself, and whoever comes in without a name, with the certificate or as the user.
      'super.users': `User:ANONYMOUS;User:CN=client;User:${kafkaUser.username}`,
    },
  }
}
