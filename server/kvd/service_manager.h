// What the service manager (systemd, Type=notify) is told of this process.
#pragma once

namespace keelson::server {

// The member serves. Does nothing where no service manager waits for it.
void TellReady();

// The member is leaving.
void TellStopping();

}  // namespace keelson::server
