/**
 * Settings of TLS.
 * Main thread; a constant part of the table in `settings.ts`.
 */

import { type SettingArea, setting } from '../setting.js'
import { count, oneOf, optionalPath, optionalText, port, yesNo } from '../value-types.js'

/** A renewed certificate often has the same path: setting it again must load it. */
const reloads = { appliesUnchanged: true } as const

export const tlsSettings: SettingArea = {
  title: 'TLS',
  // biome-ignore format: a table is read by its columns, one line an entry
  settings: [
    setting('tls-port', port, 0n, 'TCP port for TLS; 0 for none.'),
    setting('tls-cert-file', optionalPath, '', 'Certificate of the server.', reloads),
    setting('tls-key-file', optionalPath, '', 'Private key of the server.', reloads),
    setting('tls-key-file-pass', optionalText, '', 'Passphrase of the private key.', { sensitive: true }),
    setting('tls-client-cert-file', optionalPath, '', 'Certificate for outgoing connections.', reloads),
    setting('tls-client-key-file', optionalPath, '', 'Private key for outgoing connections.', reloads),
    setting('tls-client-key-file-pass', optionalText, '', 'Passphrase of the private key for outgoing connections.', { sensitive: true }),
    setting('tls-ca-cert-file', optionalPath, '', 'Certificates of the authorities to trust.', reloads),
    setting('tls-ca-cert-dir', optionalPath, '', 'Folder with certificates of the authorities to trust.', reloads),
    setting('tls-dh-params-file', optionalPath, '', 'Diffie-Hellman parameters for old clients.', reloads),
    setting('tls-auth-clients', oneOf(['no', 'yes', 'optional']), 'yes', 'Whether clients must show a certificate.'),
    setting('tls-protocols', optionalText, '', 'TLS versions, separated by spaces; empty for the default.'),
    setting('tls-ciphers', optionalText, '', 'Ciphers up to TLS 1.2.'),
    setting('tls-ciphersuites', optionalText, '', 'Cipher suites of TLS 1.3.'),
    setting('tls-prefer-server-ciphers', yesNo, false, 'Choose the cipher in the order of the server.'),
    setting('tls-session-caching', yesNo, true, 'Let clients resume sessions.'),
    setting('tls-session-cache-size', count, 20480n, 'Sessions that are kept; 0 for no limit.'),
    setting('tls-session-cache-timeout', count, 300n, 'Seconds that a session is kept.'),
    setting('tls-cluster', yesNo, false, 'Use TLS on the cluster bus.'),
    setting('tls-replication', yesNo, false, 'Use TLS to the primary.'),
  ],
}
