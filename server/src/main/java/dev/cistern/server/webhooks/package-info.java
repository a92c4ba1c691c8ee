/**
 * Webhooks, which are notified when tags of image streams move. Notifications are stored with the
 * change itself.
 */
@NullMarked
package dev.cistern.server.webhooks;

import org.jspecify.annotations.NullMarked;
