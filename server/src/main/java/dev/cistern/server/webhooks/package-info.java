/**
 * Webhooks: tells others that tags of image streams have moved. What is to be told is stored with
 * the change itself.
 */
@NullMarked
package dev.cistern.server.webhooks;

import org.jspecify.annotations.NullMarked;
