//! An API server that says nothing, and whose connections stay open.

use crate::error::Error;
use crate::testbed::Testbed;

impl Testbed {
    /// Stops the API server in its tracks (SIGSTOP): its connections stay open and say nothing.
    ///
    /// # Errors
    /// If it does not run.
    pub fn pause_api_server(&self) -> Result<(), Error> {
        self.signal_api_server("-STOP")
    }

    /// Lets it go on after [`Testbed::pause_api_server`].
    ///
    /// # Errors
    /// If it does not run.
    pub fn resume_api_server(&self) -> Result<(), Error> {
        self.signal_api_server("-CONT")
    }

    fn signal_api_server(&self, signal: &str) -> Result<(), Error> {
        match &self.servers().api_server {
            Some(server) => server.signal(signal),
            None => Err(Error::Usage("the API server does not run; hint: start it by `start_api_server`".into())),
        }
    }
}
